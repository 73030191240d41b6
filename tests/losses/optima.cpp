// Each optimum against a search over values that come from elsewhere, each flow against its own slope.
#include "losses/optima.h"

#include <algorithm>
#include <cmath>

#include "losses/closed_form.h"
#include "losses/decomposition.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::losses;
using namespace scoregrad::losses::closed_form;

namespace {

const Options f64{.dtype = float64};

Tensor matrix(double x) { return full({1, 1}, x, f64); }
closed_form::Values at_variance(const FrozenScore& s, double mu, double v) {
  return frozen({matrix(-s.w), {}, from({s.w * s.a}, f64)}, from({mu}, f64), matrix(std::sqrt(v)), 1, s.sigma).value;
}
template <class F>
double slope(const F& f, double x, double h = 1e-4) {
  return (f(x + h) - f(x - h)) / (2 * h);
}

}  // namespace

TEST_CASE("under a frozen score DSM ends in a point and ESM in the model, and the flow is the slope") {
  const FrozenScore s{0.8, 1.0, 0.5};
  CHECK(apart(s.dsm(0.3, 0.7), at_variance(s, 0.3, 0.7).dsm.item()) < 1e-13);
  CHECK(s.best_variance(0) == 0);
  CHECK(apart(s.best_variance(1), 1 / 0.8 - 0.25) < 1e-15);  // the law whose noised score s is
  for (double gamma : {0.0, 0.5, 1.0}) {
    const auto loss = [&](double v) { return (at_variance(s, 1, v).dsm + gamma * at_variance(s, 1, v).c2).item(); };
    CHECK(apart(s.variance_rate(0.6, gamma), -slope(loss, 0.6)) < 1e-7);
    if (gamma > 0.3) CHECK(std::abs(slope(loss, s.best_variance(gamma))) < 1e-7);
  }
  CHECK(apart(s.collapse_time(0.9) * -s.variance_rate(0.4, 0), 0.9) < 1e-14);  // a constant speed
}

TEST_CASE("under a score that follows, DSM shrinks the law to a point in finite time") {
  const FollowingScore s{0.5};
  const auto exact = [&](const Tensor& xt) { return xt / -(0.7 + 0.25); };
  const Decomposition d = decompose(Score(exact), InputDistribution{Gaussian{zeros({1}, f64), matrix(std::sqrt(0.7))}}, {.sigma = 0.5});
  CHECK(apart(s.dsm(0.7), d.dsm.value.mean) < 1e-12);
  CHECK(std::abs(d.esm.value.mean) < 1e-14);
  CHECK(apart(slope([&](double t) { return s.variance_at(t, 1); }, 0.5), -s.slope(s.variance_at(0.5, 1), 0)) < 1e-6);
  CHECK(s.variance_at(s.collapse_time(1), 1) < 1e-12);
  CHECK(s.variance_at(0.99 * s.collapse_time(1), 1) > 1e-3);
  CHECK(apart(s.slope(0.7, 0), slope([&](double v) { return s.dsm(v); }, 0.7)) < 1e-7);
  CHECK(s.slope(0.7, 1) == 0);
}

TEST_CASE("a code with a rate penalty jumps to no code at all") {
  const LinearCode code{1.0, 0.5};
  CHECK(apart(code.dsm(0.64 / 0.25), (encoder({matrix(0), matrix(0), zeros({1}, f64)}, matrix(1), matrix(0.8), 0.5, 1, 0.5).value.c3 -
                                      encoder({matrix(0), matrix(0), zeros({1}, f64)}, matrix(1), matrix(0.8), 0.5, 1, 0.5).value.c2)
                                         .item()) < 1e-13);
  for (double beta : {0.1, 0.6, 0.95}) {
    const auto loss = [&](double k) { return code.dsm(k) + 0.5 * beta * std::log1p(k); };
    const double best = code.best_ratio(beta);
    double lowest = loss(0);
    for (double k = 0; k < 400; k += 0.05) lowest = std::min(lowest, loss(k));
    CHECK(loss(best) <= lowest + 1e-12);
  }
  CHECK(apart(code.best_ratio(0.1), 150.894664) < 1e-8);
  CHECK(code.best_ratio(0.6) > 1);
  CHECK(code.best_ratio(0.95) == 0);
}

TEST_CASE("a binary source: C2 is the exact encoder's, and its slope") {
  const BinaryCode code{0.8, 0.7};
  const Tensor phi = scalar(0.6, f64).requires_grad();
  const NoisyEncoder q{.data = {from({-1, 1}, {2, 1}, f64)}, .encode = [&](const Tensor& x) { return phi * x; }, .tau = 0.7};
  const auto zero = [](const Tensor& xt, const Tensor&) { return 0 * xt; };
  const Decomposition d = decompose(zero, q, {.sigma = 0.8, .wrt = {{"phi", phi}}, .trace = Trace::none});
  CHECK(apart(code.c2(0.6), d.c2.value.mean) < 1e-12);
  CHECK(apart(code.c2_slope(0.6), d.c2.gradient.at("phi").total.mean[0].item()) < 1e-11);
}

TEST_CASE("water-filling spends its budget where it helps most") {
  const std::vector<double> lambdas = {4, 1, 0.25, 0.05};
  const WaterFilling w = water_filling(lambdas, 0.5, 20);
  double total = 0;
  for (double k : w.ratios) total += k;
  CHECK(apart(total, 20) < 1e-12);
  for (size_t i = 0; i < lambdas.size(); ++i)
    if (w.ratios[i] > 0)
      CHECK(apart(slope([&](double k) { return LinearCode{lambdas[i], 0.5}.dsm(k); }, w.ratios[i]), -w.multiplier) < 1e-7);
  double uniform = 0;
  for (double lambda : lambdas) uniform += LinearCode{lambda, 0.5}.dsm(5);
  CHECK(w.dsm < uniform);
  CHECK(water_filling(lambdas, 0.5, 0.5).ratios[3] == 0);
  CHECK_THROWS_AS(water_filling({}, 0.5, 1), Error);
}
