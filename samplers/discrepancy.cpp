#include "samplers/discrepancy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/tensor/misfit.h"
#include "samplers/pair_distances.h"

namespace scoregrad::samplers {
namespace {

void check_pair(const char* op, const Tensor& x, const Tensor& y, Where at) {
  if (x.rank() != 2 || x.shape() != y.shape() || x.extent(0) < 3)
    throw misfit(at, op, "", "[n, d] and [n, d]", extents_of({x, y}), "n is at least 3");
}

// The mean of h over pairs i != j. Its variance is 4 zeta_1 / n + 2 zeta_2 / n^2 to leading order: zeta_1 of the means of rows, which
// vanishes where both laws are equal, zeta_2 of the entries.   h [n, n], symmetric
PairAverage off_diagonal(const Tensor& h) {
  const double n = static_cast<double>(h.extent(0));
  const Tensor off = (1 - eye(h.extent(0), like(h))) * h, by_row = sum(off, {1}) / (n - 1);
  const double average = mean(by_row).item(), entries = sum(square(off)).item() / (n * (n - 1)) - average * average;
  if (!std::isfinite(average)) return {average, average};
  const double between = std::max(0.0, var(by_row).item() - entries / n);  // the scatter of the entries enters each row's mean
  return {average, std::sqrt(4 * between / n + 2 * std::max(0.0, entries) / (n * n))};
}

}  // namespace

PairAverage kernel_stein_discrepancy(const Tensor& particles, const ScoreFunction& score, double scale, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (!(scale > 0) || !std::isfinite(scale)) throw Error(at, fmt::format("kernel_stein_discrepancy: a scale of {}", scale));
  const Tensor given = score(particles);
  check_pair("kernel_stein_discrepancy", particles, given, at);
  if (given.dtype() != particles.dtype())
    throw Error(
        at, fmt::format("kernel_stein_discrepancy: a score of {} for particles of {}", name_of(given.dtype()), name_of(particles.dtype())));
  const Tensor x = particles.to(float64), s = given.to(float64);
  const double d = static_cast<double>(x.extent(1));
  // k = b^(-1/2), b = scale^2 + r^2, r = x - y:  grad_x k = -r b^(-3/2) = -grad_y k,  tr grad_x grad_y k = d b^(-3/2) - 3 |r|^2 b^(-5/2).
  const Places places(x, x);
  const Tensor r2 = places.distances(x, x, scale), b = r2 + scale * scale, k = rsqrt(b), k3 = k * k * k;
  Tensor along;  // (s_i - s_j)'(x_i - x_j)
  if (places.product_serves(scale)) {
    const Tensor near = x - places.origin, own = sum(s * near, {1}, true), other = matmul(s, transpose(near));
    along = own - other + transpose(own) - transpose(other);
  } else {
    along = product_of_differences(s, s, x, x);
  }
  const Tensor h = matmul(s, transpose(s)) * k + along * k3 + d * k3 - 3 * r2 * k3 * k * k;
  return off_diagonal(h);
}

double median_distance(const Tensor& x, int64_t most, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (x.rank() != 2 || x.extent(0) < 2 || most < 2)
    throw Error(at, fmt::format("median_distance: at most {} particles of shape {}", most, to_string(x.shape())));
  const Tensor some = slice(x, {{{}, {}, std::max<int64_t>(1, (x.extent(0) + most - 1) / most)}}).to(float64);
  const Places places(some, some);
  if (!std::isfinite(places.far)) return std::nan("");
  const auto middle_of = [](const Tensor& distances) {
    const std::vector<double> all = distances.to_vector<double>();
    const int64_t n = distances.extent(0);
    std::vector<double> above;
    for (int64_t i = 0; i < n; ++i) above.insert(above.end(), all.begin() + i * n + i + 1, all.begin() + i * n + n);
    const auto middle = above.begin() + static_cast<std::ptrdiff_t>(above.size() / 2);
    std::nth_element(above.begin(), middle, above.end());
    return *middle;
  };
  const double median = middle_of(squared_distances(some - places.origin, some - places.origin));
  const bool good = places.product_serves(std::sqrt(median));
  return std::sqrt(good ? median : middle_of(product_of_differences(some, some, some, some)));
}

namespace {

// The three means of a two-sample statistic, and its variance: first-order terms by the means of rows, less what the entries add to them;
// second-order terms by what is left of the entries without the means of their rows and columns.   xx [n, n], yy [m, m], xy [n, m]
PairAverage two_samples(const Tensor& xx, const Tensor& yy, const Tensor& xy) {
  const double n = static_cast<double>(xx.extent(0)), m = static_cast<double>(yy.extent(0));
  const Tensor x_off = 1 - eye(xx.extent(0), like(xx)), y_off = 1 - eye(yy.extent(0), like(yy));
  const Tensor x_rows = sum(x_off * xx, {1}, true) / (n - 1), y_rows = sum(y_off * yy, {1}, true) / (m - 1);
  const Tensor across = mean(xy, {1}, true), down = mean(xy, {0}, true);
  const Tensor a = mean(x_rows), b = mean(y_rows), c = mean(xy);
  const double value = (a + b - 2 * c).item();
  if (!std::isfinite(value)) return {value, value};
  const double x_left = sum(square(x_off * (xx - x_rows - transpose(x_rows) + a))).item() / (n * (n - 1));
  const double y_left = sum(square(y_off * (yy - y_rows - transpose(y_rows) + b))).item() / (m * (m - 1));
  const double xy_left = mean(square(xy - across - down + c)).item();
  const double x_first = std::max(0.0, var(x_rows - across).item() - x_left / n - xy_left / m);
  const double y_first = std::max(0.0, var(y_rows - transpose(down)).item() - y_left / m - xy_left / n);
  return {value, std::sqrt(4 * (x_first / n + y_first / m) + 2 * x_left / (n * n) + 2 * y_left / (m * m) + 4 * xy_left / (n * m))};
}

}  // namespace

PairAverage mean_discrepancy(const Tensor& first, const Tensor& second, double width, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_sets("mean_discrepancy", first, second, 3, at);
  if (!(width >= 0) || !std::isfinite(width)) throw Error(at, fmt::format("mean_discrepancy: a width of {}", width));
  const Tensor x = first.to(float64), y = second.to(float64);
  if (width == 0) width = median_distance(concat({x, y}, 0), 500, at);
  if (width == 0) throw Error(at, "mean_discrepancy: most particles coincide, so that their median distance is 0; give a width");
  if (std::isnan(width)) return {width, width};
  const Places places(x, y);
  const auto kernel = [&](const Tensor& p, const Tensor& q) { return exp(-0.5 / (width * width) * places.distances(p, q, width)); };
  const Tensor xy = kernel(x, y);
  if (x.extent(0) != y.extent(0)) return two_samples(kernel(x, x), kernel(y, y), xy);
  return off_diagonal(kernel(x, x) + kernel(y, y) - xy - transpose(xy));
}

double sliced_wasserstein(const Tensor& x, const Tensor& y, const Key& key, int64_t directions, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  check_pair("sliced_wasserstein", x, y, at);
  if (directions < 1) throw Error(at, fmt::format("sliced_wasserstein: {} directions", directions));
  const Tensor v = normal({x.extent(1), directions}, key, like(x)), unit = v / norm(v, {0}, true);
  const auto projected = [&](const Tensor& p) { return sort(matmul(p, unit), 0).values; };
  return std::sqrt(mean(square(projected(x) - projected(y))).item());
}

}  // namespace scoregrad::samplers
