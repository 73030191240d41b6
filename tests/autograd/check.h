// What the tests of the engine share: numbers to feed it, naive loops to compare with.
#pragma once
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "autograd/graph/gradcheck.h"
#include "autograd/graph/order.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"
#include "tests/message.h"

namespace scoregrad {

/// Numbers spread over (lo, hi), the same in every run, other ones for each seed.
inline Tensor draw(const Shape& shape, double lo = -2, double hi = 2, int seed = 0, DType dtype = float64) {
  std::vector<double> v(static_cast<size_t>(numel(shape)));
  for (size_t i = 0; i < v.size(); ++i) {
    const double u = std::fmod(0.5 + 0.6180339887498949 * static_cast<double>(i + 1) + 0.3247179572447460 * seed, 1.0);
    v[i] = lo + (hi - lo) * u;
    if (dtype == int64) v[i] = std::round(v[i]);
    if (dtype == boolean) v[i] = u < 0.5;
  }
  return from(v, shape, {dtype});
}

/// The same values with strides in reverse order, every second element unused.
inline Tensor scattered(const Tensor& x) {
  Shape doubled, reversed;
  std::vector<Slice> every_other;
  Axes order;
  for (int i = x.rank() - 1; i >= 0; --i) {
    reversed.push_back(x.shape()[i]);
    doubled.push_back(2 * x.shape()[i]);
    every_other.push_back({{}, {}, 2});
    order.push_back(i);
  }
  const NoGrad plain;
  const Tensor bytes = zeros(doubled, like(x));
  Tensor view = permute(slice(bytes, every_other), order);
  copy_(view, x.detach());
  return view;
}

inline void check_close(const std::vector<double>& got, const std::vector<double>& want, double tolerance = 1e-12) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i, got[i], want[i]);
    const bool same = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
    const bool close = same || std::abs(got[i] - want[i]) <= tolerance * (1 + std::abs(want[i]));
    CHECK(close);
  }
}
inline void check_close(const Tensor& got, const std::vector<double>& want, double tolerance = 1e-12) {
  check_close(got.to_vector<double>(), want, tolerance);
}
inline void check_close(const Tensor& got, const Tensor& want, double tolerance = 1e-12) {
  CHECK(got.shape() == want.shape());
  check_close(got.to_vector<double>(), want.to_vector<double>(), tolerance);
}
inline void check_gradients(const Functions& f, const Tensors& xs, const GradcheckOptions& options = {}) {
  const GradcheckReport report = gradcheck(f, xs, options);
  INFO(report.text);
  CHECK(report.passed);
}

}  // namespace scoregrad
