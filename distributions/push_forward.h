// The law of a function of standard normals.
#pragma once
#include <functional>

#include "distributions/finite.h"
#include "distributions/quadrature.h"

namespace scoregrad::distributions {

/// The law of g(z), z ~ N(0, I), as the images of quadrature nodes: its noised law and score converge with the rule, exponentially for the
/// trapezoidal one, and follow g's parameters.   g: [n, dims] -> [n, d]
inline FiniteData push_forward(const std::function<Tensor(const Tensor&)>& g, int64_t dims, Options options,
                               const quadrature::Rule& rule = quadrature::trapezoid()) {
  const quadrature::Nodes nodes = quadrature::product(rule, dims, options);
  return {g(nodes.z), log(nodes.weights)};
}

}  // namespace scoregrad::distributions
