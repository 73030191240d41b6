// Expectations of the losses over x_t as weighted sums, with their gradients; what every theorem file is compared with.
#pragma once
#include "autograd/graph/gradient.h"
#include "distributions/gaussian.h"
#include "distributions/quadrature.h"
#include "nn/mlp.h"
#include "tests/conformance/report.h"

namespace conformance {

using Named = std::map<std::string, Tensor>;

/// Named values summed over the blocks of an expectation.
class Sums {
 public:
  void add(const std::string& name, const Tensor& value);
  void add(const std::string& prefix, const Named& entries);
  /// field.loss.parameter for each loss that the field of the case names.
  void gradients(const Field& test, const std::string& field, const Named& losses, const Named& parameters);
  /// field.loss.total and field.loss.label for each such loss and each label.
  void paths(const Field& test, const std::string& field, const Named& losses, const Tensor& x, const std::vector<std::string>& labels);
  const Tensor& at(const std::string& name) const { return sums_.at(name); }
  void into(Values& values) const;

 private:
  Named sums_;
};

/// Part of an expectation, row by row: weight, noise, x_t = alpha x + sigma eps, the model's score there, the exact one, and that of a law
/// which does not move.
struct Block {
  Tensor weights;             ///< [n]
  Tensor eps, xt, s, target;  ///< [n, d]
  Tensor fixed_target = {};   ///< may be undefined
};
/// sum of w f.
Tensor weighted(const Tensor& weights, const Tensor& f);
/// The expectations dsm, esm, ism, c2, c3, half_norm (1/2 |s|^2), esm_detached_target (if there is a fixed target), and sds and
/// vsd_kl, of which only the gradients mean something. x_t must be tracked.
Named losses_of(const Block& b, double sigma);

/// Nodes that are exact for polynomials of degree 3 in each of `dims` standard normals: enough for affine scores of Gaussians. Throws
/// Unsupported where they are too many to be summed.
quadrature::Nodes exact_nodes(int64_t dims, Options options);
/// The losses of p under a score that is affine in x_t, exact. The target is the score of `target`, which is p on another path.
using Score = std::function<Tensor(const Tensor&)>;
Named losses_of(const Gaussian& p, const Gaussian& target, const Score& s, double alpha, double sigma);
/// A leaf for the divergence if x is not tracked.
Tensor tracked(Tensor x);

/// The tensors of an object as leaves: all, or those named.
Named leaves(const Field& object, const std::vector<std::string>& names = {});
/// Layers W1, b1, W2, ... from leaves of those names.
nn::MLP network(const Field& object, const Named& parameters, nn::Activation activation);
/// y = loss differentiated by x, zeros if nothing depends on it.
Tensor gradient(const Tensor& y, const Tensor& x);

}  // namespace conformance
