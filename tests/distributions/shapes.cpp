// Shapes in the plane: the equations that their points satisfy, and the noised circle against its Bessel function.
#include "distributions/shapes.h"

#include <cmath>
#include <numbers>

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {

const Options f64{.dtype = float64};
double largest(const Tensor& x) { return max(abs(x)).item(); }
double share(const Tensor& yes) { return mean(yes.to(float64)).item(); }
Tensor x_of(const Tensor& p) { return select(p, 1, 0); }
Tensor y_of(const Tensor& p) { return select(p, 1, 1); }

}  // namespace

TEST_CASE("the noised circle has the density and the score that Bessel functions give") {
  const double radius = 1.5;
  for (double sigma : {0.3, 1.0}) {
    const FiniteData law = shapes::circle(256, radius, f64).noised(1, sigma);
    const Tensor x = from({1.5, 0, 0.9, 1.2, -0.2, 0.1, 0, 2.2}, {4, 2}, f64);
    const std::vector<double> at = x.to_vector<double>();
    std::vector<double> log_density, score;
    for (size_t i = 0; i < 4; ++i) {
      const double r = std::hypot(at[2 * i], at[2 * i + 1]), k = r * radius / (sigma * sigma);
      const double i0 = std::cyl_bessel_i(0.0, k), i1 = std::cyl_bessel_i(1.0, k);
      log_density.push_back(std::log(i0 / (2 * std::numbers::pi * sigma * sigma)) - (r * r + radius * radius) / (2 * sigma * sigma));
      for (size_t j = 0; j < 2; ++j) score.push_back((radius * i1 / i0 - r) / (sigma * sigma) * at[2 * i + j] / r);
    }
    CHECK(apart(law.log_density(x), from(log_density, f64)) < 1e-12);
    CHECK(apart(law.score(x), from(score, {4, 2}, f64)) < 1e-11);
  }
}

TEST_CASE("points lie where their equations say, and as often on each part") {
  const int64_t n = 4000;
  const double z = 4 * 0.5 / std::sqrt(n);  // four standard errors of a half
  const Tensor moons = shapes::two_moons(n, Key(1), 0, f64);
  const Tensor upper = abs(square(x_of(moons)) + square(y_of(moons)) - 1);
  const Tensor lower = abs(square(x_of(moons) - 1) + square(y_of(moons) - 0.5) - 1);
  CHECK(largest(minimum(upper, lower)) < 1e-12);
  CHECK(std::abs(share(upper < lower) - 0.5) < z);
  CHECK(apart(sqrt(var(shapes::two_moons(n, Key(1), 0.1, f64) - moons)).item(), 0.1) < 0.005);

  const Tensor roll = 4.5 * std::numbers::pi * shapes::swiss_roll(n, Key(2), 0, f64);
  const Tensor r = norm(roll, {1});
  CHECK(largest(x_of(roll) - r * cos(r)) < 1e-11);
  CHECK((min(r).item() > 1.5 * std::numbers::pi && max(r).item() < 4.5 * std::numbers::pi));

  const Tensor board = shapes::checkerboard(n, Key(3), f64);
  CHECK(largest(mod(floor(x_of(board)) + floor(y_of(board)), 2)) == 0);
  CHECK((largest(board) <= 2 && std::abs(share(y_of(board) > 0) - 0.5) < z && std::abs(share(x_of(board) > 0) - 0.5) < z));
}

TEST_CASE("the blades of a pinwheel and the eight Gaussians are turns of each other") {
  const int64_t n = 20000;
  const Tensor wheel = shapes::pinwheel(n, Key(4), 5, f64), angle = atan2(y_of(wheel), x_of(wheel));
  // Turned by a fifth the law is the same: cos and sin of k times the angle average to zero unless 5 divides k.
  for (double k : {1.0, 2.0, 3.0}) CHECK(std::hypot(mean(cos(k * angle)).item(), mean(sin(k * angle)).item()) < 4 / std::sqrt(n));
  CHECK(std::hypot(mean(cos(5 * angle)).item(), mean(sin(5 * angle)).item()) > 0.1);

  const Mixture eight = shapes::eight_gaussians(2, 0.2, f64);
  CHECK((eight.count() == 8 && apart(norm(eight.means, {1}), full({8}, 2, f64)) < 1e-14));
  const Tensor quarter = from({0, 1, -1, 0}, {2, 2}, f64), x = from({0.3, -1, 2, 0.5}, {2, 2}, f64);
  CHECK(apart(eight.log_density(matmul(x, quarter)), eight.log_density(x)) < 1e-12);
  CHECK(apart(mean(square(eight.sample(n, Key(5)))).item(), 2.04) < 0.02);
}
