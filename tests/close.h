// How far two tensors are apart, for assertions that say so: CHECK(apart(got, want) < 1e-12).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "autograd/tensor/tensor.h"

/// The largest |got - want| / (1 + |want|); infinite if the shapes differ or anything is not a number.
inline double apart(const scoregrad::Tensor& got, const scoregrad::Tensor& want) {
  if (!got.defined() || !want.defined() || got.shape() != want.shape()) return std::numeric_limits<double>::infinity();
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]) / (1 + std::abs(b[i]));
    worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(worst, d);
  }
  return worst;
}
inline double apart(double got, double want) {
  const double d = std::abs(got - want) / (1 + std::abs(want));
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}
/// The same shape, element type and numbers, -0 apart from 0 and each NaN from the others.
inline bool same_bits(const scoregrad::Tensor& a, const scoregrad::Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  return x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
}
