// Diagnostics against series that can be worked out by hand and chains whose correlation is known.
#include "samplers/diagnostics.h"

#include <cmath>

#include "autograd/ops/random.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};

// x_t = a x_{t-1} + sqrt(1 - a^2) z_t, stationary: autocorrelation a^k, time (1 + a) / (1 - a).
Tensor autoregression(double a, int64_t chains, int64_t n, const Key& key) {
  const std::vector<double> z = normal({chains, n}, key, f64).to_vector<double>();
  std::vector<double> x(z.size());
  for (size_t i = 0; i < z.size(); ++i) x[i] = i % static_cast<size_t>(n) == 0 ? z[i] : a * x[i - 1] + std::sqrt(1 - a * a) * z[i];
  return from(x, {chains, n}, f64);
}

}  // namespace

TEST_CASE("the autocorrelation of a short series by hand") {
  // 1, 2, 3, 4 about its mean: -1.5, -0.5, 0.5, 1.5; products 5, 1.25, -1.5, -2.25.
  CHECK(apart(autocorrelation(from({1, 2, 3, 4}, f64), 3), from({1, 0.25, -0.3, -0.45}, f64)) < 1e-15);
  const Tensor two = autocorrelation(from({1, 2, 3, 4, 4, 3, 2, 1}, {2, 4}, f64), 2);
  CHECK(two.shape() == Shape{2, 3});
  CHECK(apart(select(two, 0, 0), select(two, 0, 1)) < 1e-15);
  // Geyer's pairs: 1 + 0.25, then -0.3 - 0.45 < 0 ends the sum: 2 * 1.25 - 1.
  CHECK(apart(autocorrelation_time(from({1, 2, 3, 4}, f64)).item(), 1.5) < 1e-15);
  CHECK(apart(effective_sample_size(from({1, 2, 3, 4}, f64)).item(), 4 / 1.5) < 1e-15);
}

TEST_CASE("the autocorrelation time of an autoregression is (1 + a) / (1 - a), less than 1 where it alternates") {
  for (double a : {0.9, 0.5, 0.0, -0.5}) {
    const double want = (1 + a) / (1 - a);
    const std::vector<double> times = autocorrelation_time(autoregression(a, 16, 4000, Key(1))).to_vector<double>();
    double mean = 0, square = 0;
    for (double t : times) mean += t / 16, square += t * t / 16;
    const double error = std::sqrt((square - mean * mean) / 15);
    CAPTURE(a, mean, error);
    CHECK(std::abs(mean - want) < 4 * error + 0.02 * want);  // the cut at the first negative pair has a bias of a percent or so
    CHECK(error < 0.1 * want);
  }
}

TEST_CASE("a chain that never moves counts as one draw") { CHECK(effective_sample_size(ones({50}, f64)).item() == 1); }

TEST_CASE("chains that agree have an R-hat near 1, chains apart or drifting do not") {
  // By hand: means 2 and 5, variances 1: B/n = 4.5, W = 1, n = 3.
  CHECK(apart(r_hat(from({1, 2, 3, 4, 5, 6}, {2, 3}, f64)), std::sqrt(2.0 / 3 + 4.5)) < 1e-15);
  const Tensor good = autoregression(0.5, 4, 1000, Key(2));
  CHECK(std::abs(r_hat(good) - 1) < 0.02);
  CHECK(std::abs(split_r_hat(good) - 1) < 0.02);
  const Tensor apart_by_one = good + from({0, 0, 1, 1}, {4, 1}, f64);
  CHECK(r_hat(apart_by_one) > 1.05);
  // All chains drift alike: only the halves tell.
  const Tensor drifting = good + linspace(0, 3, 1000, f64);
  CHECK(r_hat(drifting) < 1.02);
  CHECK(split_r_hat(drifting) > 1.2);
}

TEST_CASE("Wilson's interval: printed values, and it covers as often as it says") {
  // 8 of 10 at 95 %: (0.4902, 0.9433), in Brown, Cai & DasGupta 2001's formula.
  const Share some = wilson(8, 10, 1.959964);
  CHECK(std::abs(some.low - 0.4902) < 1e-4);
  CHECK(std::abs(some.high - 0.9433) < 1e-4);
  CHECK(apart(some.share, 0.8) < 1e-15);
  const Share none = wilson(0, 20);
  CHECK((none.low == 0 && none.high > 0.1 && none.high < 0.2 && none.contains(0)));
  // The end points solve |p - share| = z sqrt(p (1 - p) / n).
  CHECK(apart(std::abs(some.low - 0.8), 1.959964 * std::sqrt(some.low * (1 - some.low) / 10)) < 1e-12);
  int covered = 0;
  const Tensor u = uniform({2000, 50}, Key(3), f64);
  for (double successes : sum((u < 0.2).to(float64), {1}).to_vector<double>()) covered += wilson(successes, 50).contains(0.2);
  CHECK(std::abs(covered / 2000.0 - 0.95) < 0.02);
  CHECK_THROWS_AS(wilson(3, 2), Error);
}

TEST_CASE("mode weights count the particles nearest to each centre") {
  const Tensor x = from({5, 4, 6, 5, -5, -4, 0.1, 0.1, -9, -9}, {5, 2}, f64);
  const std::vector<Share> shares = mode_weights(x, from({5, 5, -5, -5}, {2, 2}, f64));
  CHECK(apart(shares[0].share, 0.6) < 1e-15);
  CHECK(apart(shares[1].share, 0.4) < 1e-15);
  CHECK(contains(message_of([&] { mode_weights(x, ones({2, 3}, f64)); }), "mode_weights: particles of shape [5, 2]"));
}
