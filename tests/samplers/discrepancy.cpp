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
                 "sliced_wasserstein: [n, d] and [n, d] wanted, [200, 3] and [5, 3] came"));
}

TEST_CASE("the discrepancy of sets of different sizes is its definition, and its error that of repetitions") {
  const auto by_definition = [](const Tensor& x, const Tensor& y, double width) {  // Gretton et al. 2012, equation 3
    const std::vector<double> a = x.to_vector<double>(), b = y.to_vector<double>();
    const auto mean_of = [&](const std::vector<double>& p, const std::vector<double>& q, bool same) {
      double sum = 0;
      for (size_t i = 0; i < p.size(); ++i)
        for (size_t j = 0; j < q.size(); ++j)
          if (!same || i != j) sum += std::exp(-(p[i] - q[j]) * (p[i] - q[j]) / (2 * width * width));
      return sum / static_cast<double>(p.size() * (q.size() - (same ? 1 : 0)));
    };
    return mean_of(a, a, true) + mean_of(b, b, true) - 2 * mean_of(a, b, false);
  };
  for (double shift : {0.0, 0.7}) {
    double mean = 0, square = 0, error2 = 0;
    constexpr int repeats = 300;
    for (int i = 0; i < repeats; ++i) {
      const Tensor x = normal({30, 1}, Key(i).fold("x"), f64), y = normal({45, 1}, Key(i).fold("y"), f64) + shift;
      const PairAverage d = mean_discrepancy(x, y, 1);
      if (i < 3) CHECK(apart(d.value, by_definition(x, y, 1)) < 1e-13);
      mean += d.value / repeats;
      square += d.value * d.value / repeats;
      error2 += d.error * d.error / repeats;
    }
    // Means of the kernel between N(0, 1) and N(shift, 1): exp(-shift^2 / 6) / sqrt 3.
    const double want = 2 * (1 - std::exp(-shift * shift / 6)) / std::sqrt(3.0), scatter = std::sqrt(square - mean * mean);
    CAPTURE(shift, mean, want, scatter, std::sqrt(error2));
    CHECK(std::abs(mean - want) < 4 * scatter / std::sqrt(repeats));
    const double ratio = std::sqrt(error2) / scatter;  // of equal laws the first-order part is 0, and its estimate is not below
    CHECK((ratio > 0.8 && ratio < 1.5));
  }
}

TEST_CASE("particles far from the origin and close together are compared by their differences, also in float32") {
  // Places that float32 holds exactly, 1000 away, a spread of 2^-5: the same numbers about the origin in float64 are the truth.
  std::vector<double> steps;
  for (double u : uniform({80}, Key(3), f64).to_vector<double>()) steps.push_back(std::floor(64 * u) * 0x1p-11);
  const Tensor x = from(steps, {40, 2}, f64);
  const Tensor far = (x + from({1000, -1000}, f64)).to(float32);
  const double scale = 0x1p-5;
  const auto near_score = [&](const Tensor& p) { return -p / (scale * scale); };
  const auto far_score = [&](const Tensor& p) { return near_score(p.to(float64) - from({1000, -1000}, f64)).to(float32); };
  const PairAverage want = kernel_stein_discrepancy(x, near_score, scale), got = kernel_stein_discrepancy(far, far_score, scale);
  CHECK(std::abs(got.value / want.value - 1) < 1e-6);
  CHECK(std::abs(got.error / want.error - 1) < 1e-6);
  const Tensor other = x * 0.5;
  CHECK(apart(mean_discrepancy(far, (other + from({1000, -1000}, f64)).to(float32)).value, mean_discrepancy(x, other).value) < 1e-9);
  CHECK(apart(median_distance(far), median_distance(x)) < 1e-12);
  // Two clusters a million apart, each of a width that a product of float64 cannot see: by a loop over pairs.
  const Tensor apart_far = concat({x * 1e-4, x * 1e-4 + 1e6}, 0);
  const std::vector<double> p = apart_far.to_vector<double>();
  double sum = 0;
  for (size_t i = 0; i < 80; ++i)
    for (size_t j = 0; j < 80; ++j)
      if (i != j) {
        const double dx = p[2 * i] - p[2 * j], dy = p[2 * i + 1] - p[2 * j + 1];
        sum += 2 / std::pow(1e-12 + dx * dx + dy * dy, 1.5) - 3 * (dx * dx + dy * dy) / std::pow(1e-12 + dx * dx + dy * dy, 2.5);
      }
  const PairAverage zero_score = kernel_stein_discrepancy(
      apart_far, [](const Tensor& q) { return zeros_like(q); }, 1e-6);
  CHECK(std::abs(zero_score.value / (sum / (80 * 79)) - 1) < 1e-9);
}

TEST_CASE("numbers, shapes and particles that make no discrepancy are refused or answer NaN") {
  const Tensor x = normal({5, 2}, Key(1), f64), same = ones({5, 2}, f64);
  for (double bad : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    CHECK_THROWS_AS(mean_discrepancy(x, x + 1, bad), Error);
    CHECK_THROWS_AS(kernel_stein_discrepancy(x, plane_score, bad), Error);
  }
  CHECK_THROWS_AS(kernel_stein_discrepancy(x, plane_score, 0), Error);
  CHECK(contains(message_of([&] { mean_discrepancy(same, same); }), "their median distance is 0; give a width"));
  CHECK(mean_discrepancy(same, same, 1).value == 0);
  CHECK_THROWS_AS(mean_discrepancy(x, ones({5, 1}, f64)), Error);
  CHECK_THROWS_AS(mean_discrepancy(x, ones({2, 2}, f64)), Error);
  CHECK_THROWS_AS(kernel_stein_discrepancy(x, [](const Tensor& p) { return sum(p, {1}, true); }), Error);
  CHECK_THROWS_AS(sliced_wasserstein(x, x, Key(1), 0), Error);
  CHECK_THROWS_AS(median_distance(x, 1), Error);
  const Tensor broken = concat({x, from({NAN, 0}, {1, 2}, f64)}, 0);
  const PairAverage ksd = kernel_stein_discrepancy(broken, plane_score), mmd = mean_discrepancy(broken, x);
  CHECK((std::isnan(ksd.value) && std::isnan(ksd.error)));
  CHECK((std::isnan(mmd.value) && std::isnan(mmd.error)));
  CHECK(std::isnan(median_distance(broken)));
}
