// First and second derivatives along given directions, the second by both orders of the two sweeps.
#pragma once
#include "autograd/graph/gradient.h"
#include "tests/conformance/reader.h"

namespace conformance {

struct Derivatives {
  Tensors gradients;                      ///< J' ybar, one per input
  Tensor pushforward;                     ///< J xdot, summed over the inputs
  std::vector<Tensors> hessian_products;  ///< by route: the gradient of <ybar, J xdot>
};
/// y must have been computed from the leaves xs.
Derivatives derivatives(const Tensor& y, const Tensor& ybar, const Tensors& xs, const Tensors& tangents);

}  // namespace conformance
