// Discrepancies: against plain double loops over their definitions, against closed forms for Gaussians, and as tests.
#include "samplers/discrepancy.h"

#include <cmath>

#include "autograd/graph/jacobian.h"
#include "distributions/mixture.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
// Covariance [0.9 0.3; 0.3 0.5], by its factor: nothing is factorised before main().
const Gaussian plane{from({0.3, -1}, f64), from({std::sqrt(0.9), 0, 0.3 / std::sqrt(0.9), std::sqrt(0.4)}, {2, 2}, f64)};
Tensor plane_score(const Tensor& x) { return plane.score(x); }

}  // namespace

TEST_CASE("the kernel Stein discrepancy is the sum over pairs of its definition, derivatives of the kernel by the engine") {
  const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64), s = plane.score(x);
  double total = 0;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      if (i == j) continue;
      const Function kernel = [](const Tensor& both) {  // of x and y side by side
        return rsqrt(1.44 + sum(square(slice_axis(both, 0, 0, 2) - slice_axis(both, 0, 2, 4))));
      };
      const Tensor both = concat({select(x, 0, i), select(x, 0, j)}, 0);
      const Tensor k = kernel(both), g = jacobian(kernel, both), h = hessian(kernel, both);
      const Tensor si = select(s, 0, i), sj = select(s, 0, j);
      total +=
          (dot(si, sj) * k + dot(si, slice_axis(g, 0, 2, 4)) + dot(sj, slice_axis(g, 0, 0, 2)) + trace(slice(h, {{0, 2}, {2, 4}}))).item();
    }
  CHECK(apart(kernel_stein_discrepancy(x, plane_score, 1.2).value, total / 6) < 1e-12);
}

TEST_CASE("exact samples have no Stein discrepancy beyond its error, shifted ones have; weights of far modes go unseen") {
  const Tensor x = plane.sample(600, Key(1));
  const PairAverage good = kernel_stein_discrepancy(x, plane_score), bad = kernel_stein_discrepancy(x + 0.3, plane_score);
  CHECK(std::abs(good.value) < 4 * good.error);
  CHECK(bad.value > 4 * bad.error);
  const Mixture far{zeros({2}, f64), from({10, 10, -10, -10}, {2, 2}, f64), stack({eye(2, f64), eye(2, f64)})};
  const Mixture wrong{log(from({0.9, 0.1}, f64)), far.means, far.factors};
  const PairAverage blind = kernel_stein_discrepancy(wrong.sample(600, Key(2)), [&](const Tensor& y) { return far.score(y); });
  CHECK(std::abs(blind.value) < 4 * blind.error);
}

TEST_CASE("the mean discrepancy of two Gaussians is in closed form, its error covers it, and equal laws have none") {
  // For N(0, 1) and N(m, 1) with width w: 2 sqrt(w^2 / (w^2 + 2)) (1 - exp(-m^2 / (2 (w^2 + 2)))).
  const double m = 0.5, w = 1.3, want = 2 * std::sqrt(w * w / (w * w + 2)) * (1 - std::exp(-m * m / (2 * (w * w + 2))));
  const Tensor x = normal({1000, 1}, Key(1), f64), y = normal({1000, 1}, Key(2), f64);
  const PairAverage got = mean_discrepancy(x, y + m, w), none = mean_discrepancy(x, y);
  CAPTURE(got.value, want, got.error);
  CHECK(std::abs(got.value - want) < 4 * got.error);
  CHECK(got.value > 4 * got.error);
  CHECK(std::abs(none.value) < 4 * none.error);
}

TEST_CASE("standard errors of averages over pairs are those of their scatter, with and without a difference of laws") {
  for (double m : {0.0, 0.5}) {
    double sum_of = 0, square_of = 0, error = 0;
    const int runs = 60;
    for (int i = 0; i < runs; ++i) {
      const PairAverage one =
          mean_discrepancy(normal({100, 1}, Key(5).fold(2 * i), f64), m + normal({100, 1}, Key(5).fold(2 * i + 1), f64), 1);
      sum_of += one.value / runs, square_of += one.value * one.value / runs, error += one.error / runs;
    }
    const double scatter = std::sqrt(square_of - sum_of * sum_of);
    CAPTURE(m, scatter, error);
    CHECK((error > 0.6 * scatter && error < 1.6 * scatter));
  }
}

TEST_CASE("the median distance of points by hand") {
  CHECK(apart(median_distance(from({0, 1, 3}, {3, 1}, f64)), 2) < 1e-15);
  CHECK(apart(median_distance(from({0, 0, 3, 4}, {2, 2}, f64)), 5) < 1e-15);
}

TEST_CASE("sliced Wasserstein: a shift counts with its mean projection, order does not count, and on a line it is exact") {
  const Tensor x = normal({200, 3}, Key(1), f64), shift = from({1, 2, -2}, f64);
  CHECK(sliced_wasserstein(x, flip(x, {0}), Key(2)) < 1e-12);
  // Each projection moves by v.shift, whose mean square over directions is |shift|^2 / 3.
  const double moved = sliced_wasserstein(x, x + shift, Key(2), 20000);
  CHECK(std::abs(moved * moved - 3) < 0.1);
  CHECK(apart(sliced_wasserstein(from({0, 5, 2}, {3, 1}, f64), from({1, 2, 7}, {3, 1}, f64), Key(1)), std::sqrt(5.0 / 3)) < 1e-12);
  CHECK(contains(message_of([&] { sliced_wasserstein(x, slice_axis(x, 0, 0, 5), Key(1)); }),
                 "sliced_wasserstein: shapes [200, 3] and [5, 3]"));
}
