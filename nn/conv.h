// Convolutions with a bias, over one or two spatial axes.
#pragma once
#include "autograd/ops/random.h"
#include "nn/module.h"

namespace scoregrad::nn {

/// y = conv(x, weight) + bias, the windows moved as `conv` says.   x [n, in, l] or [n, in, h, w] -> [n, out, ..]
template <int axes>
struct Conv {
  Tensor weight;  ///< [out, in / groups, k] or [out, in / groups, kh, kw]
  Tensor bias;    ///< [out]; may be undefined: none
  ConvOptions conv;

  Conv() = default;
  /// Both uniform on +-1/sqrt(inputs of one output). A padding of half the kernel, rounded down, keeps the extents of odd kernels.
  Conv(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& conv_, const Key& key, Options options = {},
       Where at = Where::here());
  Conv(Tensor weight_, Tensor bias_, const ConvOptions& conv_ = {}) : weight(std::move(weight_)), bias(std::move(bias_)), conv(conv_) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("weight", m.weight);
    visit("bias", m.bias);
  }
};
using Conv1d = Conv<1>;
using Conv2d = Conv<2>;

/// y = conv_transpose(x, weight) + bias: with a stride it makes images larger.   x [n, in, ..] -> [n, out, ..]
template <int axes>
struct ConvTranspose {
  Tensor weight;  ///< [in, out / groups, k] or [in, out / groups, kh, kw]
  Tensor bias;    ///< [out]; may be undefined: none
  ConvOptions conv;
  PerAxis output_padding = 0;

  ConvTranspose() = default;
  /// Both uniform on +-1/sqrt(out / groups * elements of the kernel), as in PyTorch.
  ConvTranspose(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& conv_, const Key& key, Options options = {},
                Where at = Where::here());
  ConvTranspose(Tensor weight_, Tensor bias_, const ConvOptions& conv_ = {}, const PerAxis& output_padding_ = 0)
      : weight(std::move(weight_)), bias(std::move(bias_)), conv(conv_), output_padding(output_padding_) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("weight", m.weight);
    visit("bias", m.bias);
  }
};
using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;

}  // namespace scoregrad::nn
