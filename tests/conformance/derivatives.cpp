// Reverse over forward and forward over reverse.
#include "tests/conformance/derivatives.h"

namespace conformance {

Derivatives derivatives(const Tensor& y, const Tensor& ybar, const Tensors& xs, const Tensors& tangents) {
  Derivatives d;
  d.gradients = grad(y, xs, {.seed = ybar, .create_graph = true, .allow_unused = true});
  Tensors forward_over_reverse;
  for (const Tensor& g : d.gradients) forward_over_reverse.push_back(pushforward(g, xs, tangents));
  d.hessian_products.push_back(forward_over_reverse);

  d.pushforward = pushforward(y, xs, tangents, {.create_graph = true});
  if (d.pushforward.tracked()) {  // else f is linear
    d.hessian_products.push_back(grad(d.pushforward, xs, {.seed = ybar, .allow_unused = true}));
  }
  return d;
}

}  // namespace conformance
