#include "nn/norm.h"

#include <fmt/format.h>

namespace scoregrad::nn {

LayerNorm::LayerNorm(int64_t width, Options options, Where at)
    : weight(ones({width}, options, at).requires_grad()), bias(zeros({width}, options, at).requires_grad()) {}

Tensor LayerNorm::operator()(const Tensor& x, Where at) const { return layer_norm(Operand(x, at.file, at.line), weight, bias, eps); }

GroupNorm::GroupNorm(int64_t groups_, int64_t channels, Options options, Where at) : groups(groups_) {
  if (groups < 1 || channels < 1 || channels % groups != 0)
    throw Error(at, fmt::format("GroupNorm: {} channels do not divide into {} groups", channels, groups));
  weight = ones({channels}, options, at).requires_grad();
  bias = zeros({channels}, options, at).requires_grad();
}

Tensor GroupNorm::operator()(const Tensor& x, Where at) const {
  return group_norm(Operand(x, at.file, at.line), groups, weight, bias, eps);
}

}  // namespace scoregrad::nn
