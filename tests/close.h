// How far two tensors are apart, for assertions that say so: CHECK(apart(got, want) < 1e-12).
#pragma once
#include <algorithm>
#include <cmath>
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
