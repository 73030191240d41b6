// Ops of your own, from three functions. They are differentiable again if the functions use ops.
#pragma once
#include <functional>
#include <string>

#include "autograd/graph/node.h"

namespace scoregrad {

/// An op with hand-written rules; call it like a function.
///   Custom cube{"cube", [](const Tensors& x) { return x[0] * x[0] * x[0]; },
///               [](const Tensors& x, const Tensor& y, const Tensor& g) { return Tensors{3 * g * x[0] * x[0]}; }};
///   Tensor y = cube({x});
struct Custom {
  std::string name;
  /// y from xs. What it computes is not recorded.
  std::function<Tensor(const Tensors& xs)> forward;
  /// J'g for each of xs; an undefined tensor is zero, and broadcasting need not be undone.
  std::function<Tensors(const Tensors& xs, const Tensor& y, const Tensor& g)> vjp;
  /// The sum of J_i t_i, where an undefined tangent is zero. If left out it is derived from vjp, which is linear in g.
  std::function<Tensor(const Tensors& xs, const Tensor& y, const Tensors& tangents)> jvp = {};

  Tensor operator()(const Tensors& xs, Where at = Where::here()) const;
};

/// The value of one tensor with the gradient of another.   d/dtheta = d surrogate/dtheta; both of one shape and type (Bengio et al. 2013)
Tensor straight_through(const Tensor& value, const Tensor& surrogate, Where at = Where::here());

}  // namespace scoregrad
