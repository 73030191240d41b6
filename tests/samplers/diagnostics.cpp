// Diagnostics against series that can be worked out by hand and chains whose correlation is known.
#include "samplers/diagnostics.h"

#include <cmath>

#include "autograd/files/npz.h"
#include "autograd/ops/random.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

bool near(double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); }

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
  // Geyer's pairs: 1 + 0.25, then -0.3 - 0.45 < 0 ends the sum: 2 * 1.25 - 1 = 1.5, below 1 / log10(4).
  CHECK(apart(autocorrelation_time(from({1, 2, 3, 4}, f64)).item(), 1 / std::log10(4.0)) < 1e-15);
  CHECK(apart(effective_sample_size(from({1, 2, 3, 4}, f64)).item(), 4 * std::log10(4.0)) < 1e-15);
  // 1, 2, 4, 3 twice over: centred -1.5 -0.5 1.5 0.5, products 10, 0.75, -7.5, -0.75: 2 (1 + 0.075) - 1 = 1.15, above 1 / log10(8).
  CHECK(apart(autocorrelation_time(from({1, 2, 4, 3, 1, 2, 4, 3}, f64)).item(), 1.15) < 1e-14);
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
  CHECK(contains(message_of([&] { mode_weights(x, ones({2, 3}, f64)); }), "wanted for particles and centres, [5, 2] and [2, 3] came"));
}

TEST_CASE("bulk and tail sizes and the R-hat of ranks are ArviZ's to 1e-12") {
  const LoadedTensors file = load_npz("tests/samplers/data/diagnostics.npz");  // generate_diagnostics.py
  int compared = 0;
  for (const auto& [name, said] : file) {
    if (name.find(".arviz") == std::string::npos) continue;
    const Tensor& chains = file.at(name.substr(0, name.find('.')));
    const std::vector<double> want = said.to_vector<double>();
    CAPTURE(name);
    CHECK(near(bulk_effective_sample_size(chains), want[0]));
    CHECK(near(tail_effective_sample_size(chains), want[1]));
    if (want.size() == 4) {
      CHECK(near(rank_r_hat(chains), want[2]));
      CHECK(near(split_r_hat(chains), want[3]));
    }
    // Ranks know no scale, and 2^k is exact.
    for (double scale : {0x1p+1000, 0x1p-1000}) {
      const Tensor scaled = chains * scale;
      CHECK(bulk_effective_sample_size(scaled) == bulk_effective_sample_size(chains));
      CHECK(tail_effective_sample_size(scaled) == tail_effective_sample_size(chains));
      CHECK(split_r_hat(scaled) == split_r_hat(chains));
      if (chains.extent(0) > 1) CHECK(r_hat(scaled) == r_hat(chains));
      CHECK(apart(effective_sample_size(scaled), effective_sample_size(chains)) == 0);
      CHECK(apart(autocorrelation(scaled, 3), autocorrelation(chains, 3)) == 0);
    }
    ++compared;
  }
  CHECK(compared == 20);
}

TEST_CASE("estimates that would leave every bound stop at Stan's: n log10 n") {
  CHECK(apart(effective_sample_size(from({0, 1, 0, 1}, f64)).item(), 4 * std::log10(4.0)) < 1e-15);
  std::vector<double> alternating;
  for (int i = 0; i < 1000; ++i) alternating.push_back((i % 2 ? 1 : -1) * (1 + 1e-3 * std::sin(i)));
  const double size = effective_sample_size(from(alternating, f64)).item();
  CHECK((size > 0 && size <= 3000.0001));
  CHECK(bulk_effective_sample_size(from(alternating, {2, 500}, f64)) <= 3000.0001);
}

TEST_CASE("a number that is not finite makes a diagnostic NaN, and so do chains of equal draws where ranks say nothing") {
  for (double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY), -static_cast<double>(INFINITY)}) {
    CAPTURE(bad);
    const Tensor chains = from({1, 2, bad, 4, 5, 6, 8, 7, 9, 3}, {2, 5}, f64), row = select(chains, 0, 0);
    CHECK(std::isnan(effective_sample_size(row).item()));
    CHECK(std::isnan(autocorrelation_time(row).item()));
    CHECK(std::isnan(select(autocorrelation(row, 1), 0, 1).item()));
    CHECK_FALSE(std::isnan(select(effective_sample_size(chains), 0, 1).item()));
    for (const auto diagnostic : {r_hat, split_r_hat, rank_r_hat, bulk_effective_sample_size, tail_effective_sample_size})
      CHECK(std::isnan(diagnostic(chains, Where::here())));
  }
  const Tensor same = ones({3, 8}, f64);
  for (const auto diagnostic : {r_hat, split_r_hat, rank_r_hat, bulk_effective_sample_size, tail_effective_sample_size}) {
    CHECK(std::isnan(diagnostic(same, Where::here())));
    CHECK_THROWS_AS(diagnostic(ones({2, 1}, f64), Where::here()), Error);
  }
  for (double bad : {-1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    CHECK_THROWS_AS(wilson(bad, 10), Error);
    CHECK_THROWS_AS(wilson(1, bad), Error);
    CHECK_THROWS_AS(wilson(1, 10, bad), Error);
  }
}

TEST_CASE("a particle that is not finite is near no centre, and centres far from the origin are told apart in float32") {
  const Tensor x = from({0, 1, static_cast<double>(NAN), static_cast<double>(INFINITY)}, {4, 1});
  const std::vector<Share> shares = mode_weights(x, from({0, 1}, {2, 1}));
  CHECK(shares[0].share == 0.25);
  CHECK(shares[1].share == 0.25);
  const Tensor centres = from({-1000, -999.9375, 1000}, {3, 1});
  const std::vector<Share> far = mode_weights(from({-999.99, -999.98, -999.94}, {3, 1}), centres);
  CHECK(apart(far[0].share, 2.0 / 3) < 1e-15);
  CHECK(apart(far[1].share, 1.0 / 3) < 1e-15);
  CHECK_THROWS_AS(mode_weights(x, zeros({0, 1})), Error);
}
