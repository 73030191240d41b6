#include "distributions/kernel.h"

namespace scoregrad::distributions {
namespace {

// Differences of neighbours are exact where squares cancel, |x|^2 + |p|^2 - 2 x'p for points that lie far from their mean beside the
// spread. A pass for each dimension over N x n numbers costs less than what follows, exp, in few dimensions.
constexpr int64_t by_differences = 8;

// points_i - x along one axis.   [.., N, n]
Tensor along(const Tensor& points, const Tensor& x, int64_t axis) {
  return unsqueeze(select(points, -1, axis), -2) - unsqueeze(select(x, -1, axis), -1);
}
// Distances and ways do not change with the origin; near the points' mean the products cancel least.
Tensor origin_of(const Tensor& points) { return mean(points, {-2}, true).detach(); }

}  // namespace

Tensor log_kernel(const Tensor& x, const Tensor& points, const Number& spread, Where at) {
  const CallerScope scope(at);
  const Tensor variance = square(spread.like(points, points.rank()));
  if (x.extent(-1) <= by_differences) {
    Tensor squares;
    for (int64_t k = 0; k < x.extent(-1); ++k) {
      const Tensor each = square(along(points, x, k));
      squares = squares.defined() ? squares + each : each;
    }
    return -0.5 * squares / variance;
  }
  const Tensor origin = origin_of(points).to(float64), y = x.to(float64) - origin, p = points.to(float64) - origin;
  const Tensor half_squares = 0.5 * unsqueeze(sum(square(p), {-1}), -2) + 0.5 * sum(square(y), {-1}, true);
  return (matmul(y, transpose(p)) - half_squares) / variance.to(float64);
}

Tensor way_to(const Tensor& points, const Tensor& x, const Tensor& weights, Where at) {
  const CallerScope scope(at);
  if (x.extent(-1) <= by_differences) {
    Tensors ways;
    for (int64_t k = 0; k < x.extent(-1); ++k) ways.push_back(sum(weights * along(points, x, k), {-1}));
    return stack(ways, -1);
  }
  const Tensor origin = origin_of(points);
  return matmul(weights, points - origin) - (x - origin);
}

}  // namespace scoregrad::distributions
