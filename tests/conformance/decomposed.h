// What the library's `decompose` makes of a set-up, under the names that the files use.
#pragma once
#include "losses/decomposition.h"
#include "tests/conformance/expectation.h"

namespace conformance {

/// A tensor whose gradients stand in a field of the case.
struct Differentiated {
  std::string field, name;  ///< field.loss.name, or field.loss if the name is empty
  Tensor x;
  enum { total, by_path, joined } parts = total;  ///< total alone; total and paths below field.loss; field.loss_path.name beside the total
};
/// The entries of a map, all with the same field.
std::vector<Differentiated> differentiated(const std::string& field, const Named& tensors);

losses::DecomposeOptions options_for(const std::vector<Differentiated>& wanted, double alpha, double sigma, const quadrature::Rule& rule);
/// loss.*, the gradients of what was wanted and, from its paths, esm_detached_target where there is a target.
void add(Values& values, const losses::Decomposition& d, const std::vector<Differentiated>& wanted);

}  // namespace conformance
