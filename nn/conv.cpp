#include "nn/conv.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

// [first, second / groups, kernel ..], uniform with as wide a bias; `out` is the number of outputs.
template <class Layer>
void initialise(Layer& layer, const char* name, int axes, int64_t first, int64_t second, int64_t out, const PerAxis& kernel, const Key& key,
                Options options, Where at) {
  const int64_t groups = layer.conv.groups;
  if (first < 1 || second < 1 || groups < 1 || first % groups != 0 || second % groups != 0)
    throw Error(at, fmt::format("{}: {} and {} channels in {} groups", name, first, second, groups));
  if (kernel.rank != 1 && kernel.rank != axes)
    throw Error(at, fmt::format("{}: kernel {} for {} spatial axes", name, to_string(kernel), axes));
  Shape shape{first, second / groups};
  int64_t inputs = second / groups;
  for (int i = 0; i < axes; ++i) {
    shape.push_back(kernel[kernel.rank == 1 ? 0 : i]);
    if (shape.back(0) < 1) throw Error(at, fmt::format("{}: kernel {}", name, to_string(kernel)));
    inputs *= shape.back(0);
  }
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  layer.weight = ((uniform(shape, key.fold("weight"), options) * 2 - 1) * bound).requires_grad();
  layer.bias = ((uniform({out}, key.fold("bias"), options) * 2 - 1) * bound).requires_grad();
}

// The bias against the positions.
Tensor biased(const Tensor& y, const Tensor& bias, Where at) {
  if (!bias.defined()) return y;
  if (bias.rank() != 1 || bias.numel() != y.extent(1)) throw misfit(at, "Conv", "the bias", Shape{y.extent(1)}, bias);
  Shape column{bias.numel()};
  for (int i = 2; i < y.rank(); ++i) column.push_back(1);
  return y + reshape(bias, column);
}

}  // namespace

template <int axes>
Conv<axes>::Conv(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& conv_, const Key& key, Options options, Where at)
    : conv(conv_) {
  initialise(*this, axes == 1 ? "Conv1d" : "Conv2d", axes, out, in, out, kernel, key, options, at);
}

template <int axes>
Tensor Conv<axes>::operator()(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return biased(axes == 1 ? conv1d(x, weight, conv) : conv2d(x, weight, conv), bias, at);
}

template <int axes>
ConvTranspose<axes>::ConvTranspose(int64_t in, int64_t out, const PerAxis& kernel, const ConvOptions& conv_, const Key& key,
                                   Options options, Where at)
    : conv(conv_) {
  initialise(*this, axes == 1 ? "ConvTranspose1d" : "ConvTranspose2d", axes, in, out, out, kernel, key, options, at);
}

template <int axes>
Tensor ConvTranspose<axes>::operator()(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  const auto f = axes == 1 ? conv_transpose1d : conv_transpose2d;
  return biased(f(x, weight, conv, output_padding), bias, at);
}

template struct Conv<1>;
template struct Conv<2>;
template struct ConvTranspose<1>;
template struct ConvTranspose<2>;

}  // namespace scoregrad::nn
