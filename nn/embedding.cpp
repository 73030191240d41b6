#include "nn/embedding.h"

#include <fmt/format.h>

#include <cmath>

namespace scoregrad::nn {
namespace {

void check_even(const char* who, int64_t features, Where at) {
  if (features < 2 || features % 2 != 0)
    throw Error(at, fmt::format("{}: {} features; wanted is an even number, half sines and half cosines", who, features));
}

}  // namespace

Embedding::Embedding(int64_t count, int64_t width, const Key& key, Options options, Where at) {
  if (count < 1 || width < 1) throw Error(at, fmt::format("Embedding: {} rows of width {}", count, width));
  weight = normal({count, width}, key, options).requires_grad();
}

Tensor Embedding::operator()(const Tensor& index, Where at) const { return embedding(Operand(weight, at.file, at.line), index); }

FourierFeatures::FourierFeatures(int64_t inputs, int64_t features, double scale, const Key& key, Options options, Where at) {
  check_even("FourierFeatures", features, at);
  frequencies = normal({features / 2, inputs}, key, options) * scale;
}

Tensor FourierFeatures::operator()(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  const Tensor angle = matmul(x, transpose(frequencies)) * (2 * M_PI);
  return concat({sin(angle), cos(angle)}, -1);
}

Tensor sinusoidal_features(const Tensor& t, int64_t features, double longest, Where at) {
  check_even("sinusoidal_features", features, at);
  const CallerScope scope(at);
  const double half = static_cast<double>(features / 2);
  const Tensor frequencies = exp(arange(0, half, 1, like(t)) * (-std::log(longest) / half)), angle = unsqueeze(t, -1) * frequencies;
  return concat({sin(angle), cos(angle)}, -1);
}

}  // namespace scoregrad::nn
