#include "nn/initialisation.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

struct Fans {
  double in, out;
  Fans(const char* who, const Shape& shape, Where at) {
    if (shape.rank < 2 || numel(shape) == 0) throw misfit(at, who, "a weight", "[out, in, ..]", shape);
    const auto each = static_cast<double>(numel(shape)) / static_cast<double>(shape[0] * shape[1]);
    in = static_cast<double>(shape[1]) * each;
    out = static_cast<double>(shape[0]) * each;
  }
};

Tensor uniform_of(double variance, const Shape& shape, const Key& key, Options options) {
  return (uniform(shape, key, options) * 2 - 1) * std::sqrt(3 * variance);
}
Tensor normal_of(double variance, const Shape& shape, const Key& key, Options options) {
  return normal(shape, key, options) * std::sqrt(variance);
}

}  // namespace

Tensor glorot_uniform(const Shape& shape, const Key& key, Options options, Where at) {
  const Fans fan("glorot_uniform", shape, at);
  return uniform_of(2 / (fan.in + fan.out), shape, key, options);
}
Tensor glorot_normal(const Shape& shape, const Key& key, Options options, Where at) {
  const Fans fan("glorot_normal", shape, at);
  return normal_of(2 / (fan.in + fan.out), shape, key, options);
}
Tensor he_uniform(const Shape& shape, const Key& key, Options options, Where at) {
  return uniform_of(2 / Fans("he_uniform", shape, at).in, shape, key, options);
}
Tensor he_normal(const Shape& shape, const Key& key, Options options, Where at) {
  return normal_of(2 / Fans("he_normal", shape, at).in, shape, key, options);
}
Tensor lecun_uniform(const Shape& shape, const Key& key, Options options, Where at) {
  return uniform_of(1 / Fans("lecun_uniform", shape, at).in, shape, key, options);
}
Tensor lecun_normal(const Shape& shape, const Key& key, Options options, Where at) {
  return normal_of(1 / Fans("lecun_normal", shape, at).in, shape, key, options);
}

Tensor zero(const Shape& shape, const Key&, Options options, Where at) { return zeros(shape, options, at); }

// Gram-Schmidt on rows of normals, in double on the host and twice, because once leaves what cancellation brings in.
Tensor orthogonal(const Shape& shape, const Key& key, Options options, Where at) {
  Fans("orthogonal", shape, at);
  const int64_t out = shape[0], in = numel(shape) / out, count = std::min(out, in), length = std::max(out, in);
  std::vector<double> v = normal({count, length}, key, {float64}).to_vector<double>();
  for (int64_t i = 0; i < count; ++i) {
    double* row = v.data() + i * length;
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t j = 0; j < i; ++j) {
        const double* other = v.data() + j * length;
        double along = 0;
        for (int64_t k = 0; k < length; ++k) along += row[k] * other[k];
        for (int64_t k = 0; k < length; ++k) row[k] -= along * other[k];
      }
    double square_sum = 0;
    for (int64_t k = 0; k < length; ++k) square_sum += row[k] * row[k];
    for (int64_t k = 0; k < length; ++k) row[k] /= std::sqrt(square_sum);
  }
  const Tensor rows = from(v, {count, length}, options, at);
  return reshape(contiguous(out <= in ? rows : transpose(rows)), shape);
}

}  // namespace scoregrad::nn
