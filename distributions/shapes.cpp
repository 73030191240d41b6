#include "distributions/shapes.h"

#include <cmath>
#include <numbers>

namespace scoregrad::distributions::shapes {
namespace {

constexpr double pi = std::numbers::pi;

Tensor plane(const Tensor& x, const Tensor& y) { return stack({x, y}, 1); }
Tensor blurred(const Tensor& x, double noise, const Key& key) { return noise > 0 ? x + noise * normal(x.shape(), key, like(x)) : x; }
// 2 pi k / count.   [count]
Tensor turns(int64_t count, Options options) {
  return (2 * pi / static_cast<double>(count)) * arange(0, static_cast<double>(count), 1, options);
}

}  // namespace

FiniteData circle(int64_t points, double radius, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor u = turns(points, options);
  return {radius * plane(cos(u), sin(u))};
}

Mixture eight_gaussians(double radius, double deviation, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor u = turns(8, options);
  return {zeros({8}, options), radius * plane(cos(u), sin(u)), deviation * broadcast_to(eye(2, options), {8, 2, 2})};
}

Tensor two_moons(int64_t n, const Key& key, double noise, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor u = pi * uniform({n}, key.fold("place"), options), lower = uniform({n}, key.fold("moon"), options) < 0.5;
  return blurred(plane(where(lower, 1 - cos(u), cos(u)), where(lower, 0.5 - sin(u), sin(u))), noise, key.fold("noise"));
}

Tensor swiss_roll(int64_t n, const Key& key, double noise, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor r = 1.5 * pi * (1 + 2 * uniform({n}, key.fold("place"), options));
  return blurred(plane(r * cos(r), r * sin(r)) / (4.5 * pi), noise, key.fold("noise"));
}

Tensor checkerboard(int64_t n, const Key& key, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor x = 4 * uniform({n}, key.fold("x"), options) - 2, row = floor(2 * uniform({n}, key.fold("row"), options));
  // Column floor(x) has its squares at rows of the same parity: -2 and 0, or -1 and 1.
  const Tensor parity = mod(floor(x), 2), y = uniform({n}, key.fold("y"), options) + 2 * row - 2 + parity;
  return plane(x, y);
}

Tensor pinwheel(int64_t n, const Key& key, int64_t blades, Options options, Where at) {
  const CallerScope scope(at);
  const Tensor z = normal({n, 2}, key.fold("noise"), options);
  const Tensor along = 1 + 0.3 * select(z, 1, 0), across = 0.1 * select(z, 1, 1);
  const Tensor blade = integers(0, blades, {n}, key.fold("blade"), options);
  const Tensor turn = (2 * pi / static_cast<double>(blades)) * blade + 0.25 * exp(along);
  return 2 * plane(along * cos(turn) - across * sin(turn), along * sin(turn) + across * cos(turn));
}

}  // namespace scoregrad::distributions::shapes
