#include "samplers/discrepancy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad::samplers {
namespace {

void check_pair(const char* op, const Tensor& x, const Tensor& y, Where at) {
  if (x.rank() != 2 || x.shape() != y.shape() || x.extent(0) < 3)
    throw Error(
        at, fmt::format("{}: shapes {} and {}; wanted are two [n, d] with n at least 3", op, to_string(x.shape()), to_string(y.shape())));
}

// |x_i - y_j|^2, about the origin of the joint mean, where the squares cancel least.   [n, n]
Tensor squared_distances(const Tensor& x, const Tensor& y) {
  const Tensor origin = mean(x, {0}, true), a = x - origin, b = y - origin;
  return maximum(sum(square(a), {1}, true) + unsqueeze(sum(square(b), {1}), 0) - 2 * matmul(a, transpose(b)), 0.0);
}

// The mean of h over pairs i != j. Its variance is 4 zeta_1 / n + 2 zeta_2 / n^2 to leading order: zeta_1 of the means of rows, which
// vanishes where both laws are equal, zeta_2 of the entries.   h [n, n], symmetric
PairAverage off_diagonal(const Tensor& h) {
  const double n = static_cast<double>(h.extent(0));
  const Tensor off = (1 - eye(h.extent(0), like(h))) * h, by_row = sum(off, {1}) / (n - 1);
  const double average = mean(by_row).item(), entries = sum(square(off)).item() / (n * (n - 1)) - average * average;
  const double between = std::max(0.0, var(by_row).item() - entries / n);  // the scatter of the entries enters each row's mean
  return {average, std::sqrt(4 * between / n + 2 * std::max(0.0, entries) / (n * n))};
}

}  // namespace

PairAverage kernel_stein_discrepancy(const Tensor& x, const ScoreFunction& score, double scale, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  const Tensor s = score(x);
  check_pair("kernel_stein_discrepancy", x, s, at);
  const double d = static_cast<double>(x.extent(1));
  // k = b^(-1/2), b = scale^2 + r^2, r = x - y:  grad_x k = -r b^(-3/2) = -grad_y k,  tr grad_x grad_y k = d b^(-3/2) - 3 |r|^2 b^(-5/2).
  const Tensor r2 = squared_distances(x, x), b = r2 + scale * scale, k = rsqrt(b), k3 = k * k * k;
  const Tensor own = sum(s * x, {1}, true), other = matmul(s, transpose(x));  // s_i'x_i, s_i'x_j
  const Tensor along = own - other + transpose(own) - transpose(other);       // (s_i - s_j)'(x_i - x_j)
  const Tensor h = matmul(s, transpose(s)) * k + along * k3 + d * k3 - 3 * r2 * k3 * k * k;
  return off_diagonal(h);
}

double median_distance(const Tensor& x, int64_t most, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (x.rank() != 2 || x.extent(0) < 2) throw Error(at, fmt::format("median_distance: particles of shape {}", to_string(x.shape())));
  const Tensor some = slice(x, {{{}, {}, std::max<int64_t>(1, (x.extent(0) + most - 1) / most)}});
  const std::vector<double> all = squared_distances(some, some).to_vector<double>();
  const size_t n = static_cast<size_t>(some.extent(0));
  std::vector<double> above;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i + 1; j < n; ++j) above.push_back(all[i * n + j]);
  const auto middle = above.begin() + static_cast<std::ptrdiff_t>(above.size() / 2);
  std::nth_element(above.begin(), middle, above.end());
  return std::sqrt(*middle);
}

PairAverage mean_discrepancy(const Tensor& x, const Tensor& y, double width, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_pair("mean_discrepancy", x, y, at);
  if (width == 0) width = median_distance(concat({x, y}, 0), 500, at);
  const auto kernel = [&](const Tensor& a, const Tensor& b) { return exp(-0.5 / (width * width) * squared_distances(a, b)); };
  const Tensor xy = kernel(x, y);
  return off_diagonal(kernel(x, x) + kernel(y, y) - xy - transpose(xy));
}

double sliced_wasserstein(const Tensor& x, const Tensor& y, const Key& key, int64_t directions, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_pair("sliced_wasserstein", x, y, at);
  const Tensor v = normal({x.extent(1), directions}, key, like(x)), unit = v / norm(v, {0}, true);
  const auto projected = [&](const Tensor& p) { return sort(matmul(p, unit), 0).values; };
  return std::sqrt(mean(square(projected(x) - projected(y))).item());
}

}  // namespace scoregrad::samplers
