// Modules under gradcheck: their parameters become operands.
#pragma once
#include "nn/module.h"
#include "tests/autograd/check.h"

namespace scoregrad {

/// The parameters' values, without history.
template <nn::Module M>
Tensors values_of(const M& m) {
  Tensors out;
  for (const Tensor& p : nn::parameters(m)) out.push_back(p.detach());
  return out;
}
/// The module with `values` in the place of its parameters.
template <nn::Module M>
M with_parameters(M m, const Tensors& values) {
  size_t i = 0;
  nn::each_tensor(m, [&](const std::string&, Tensor& t) {
    if (t.is_leaf()) t = values.at(i++);
  });
  return m;
}
/// Checks f(m, operands) in all parameters of m and all operands, to second order. Parameters that start at a special point (zeros, ones)
/// are moved off it.
template <nn::Module M, class F>
void check_module(const M& m, const F& f, const Tensors& operands, const GradcheckOptions& options = {.directions = 1}) {
  Tensors xs = values_of(m);
  const size_t count = xs.size();
  for (size_t i = 0; i < count; ++i) xs[i] = xs[i] + draw(xs[i].shape(), -0.3, 0.3, static_cast<int>(i), xs[i].dtype());
  xs.insert(xs.end(), operands.begin(), operands.end());
  check_gradients(
      [&](const Tensors& v) {
        const auto split = v.begin() + static_cast<std::ptrdiff_t>(count);
        return f(with_parameters(m, Tensors(v.begin(), split)), Tensors(split, v.end()));
      },
      xs, options);
}

}  // namespace scoregrad
