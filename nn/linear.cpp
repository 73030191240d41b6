#include "nn/linear.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

Linear::Linear(int64_t in, int64_t out, const Key& key, Options options, Where at) {
  if (in < 1 || out < 1) throw Error(at, fmt::format("Linear: {} inputs and {} outputs", in, out));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = ((uniform({out, in}, key.fold("weight"), options) * 2 - 1) * bound).requires_grad();
  bias = ((uniform({out}, key.fold("bias"), options) * 2 - 1) * bound).requires_grad();
}

Tensor Linear::operator()(const Tensor& x, Where at) const {
  if (bias.defined() && (bias.rank() != 1 || bias.numel() != weight.extent(0)))
    throw misfit(at, "Linear", "weight and bias", "[out, in] and [out]", extents_of({weight, bias}));
  const CallerScope scope(at);
  const Tensor y = matmul(x, transpose(weight));
  return bias.defined() ? y + bias : y;
}

}  // namespace scoregrad::nn
