// check_distribution: ours pass, and so does one of a user's; whatever is wrong by 1 % does not.
#include "distributions/check_distribution.h"

#include "distributions/shapes.h"
#include "tests/catch.h"
#include "tests/distributions/uniform.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {

const Options f64{.dtype = float64};

bool passes(const AnyDistribution& p, const CheckOptions& o = {.samples = 1 << 17}) {
  const DistributionReport report = check_distribution(p, o);
  INFO(to_string(report));
  CHECK(report);
  return report.passed && !report.comparisons.empty();
}

Gaussian tilted() { return Gaussian{from({0.4, -1}, f64), from({1, 0, 0.6, 0.7}, {2, 2}, f64)}; }
Mixture two_on_line() { return Mixture{from({0.3, -0.4}, f64), from({-1, 1.2}, {2, 1}, f64), from({0.8, 0.5}, {2, 1, 1}, f64)}; }

// N(mean, deviation^2) on the line with one thing wrong by 1 %.
enum class Wrong {
  nothing,
  width_of_samples,
  place_of_samples,
  score,
  noised_density,
  density,
  slope_of_density,
  sample_gradient,
  score_gradient,
  density_gradient,
  sigma_gradient,
  nodes,
  mapping
};
struct Almost {
  Tensor mean, deviation;
  Wrong wrong = Wrong::nothing;

  bool is(Wrong w) const { return w == wrong; }
  // t, whose derivative is 1 % too large.
  Tensor steeper(const Tensor& t, Wrong w) const { return is(w) ? 1.01 * t - 0.01 * t.detach() : t; }
  int64_t dim() const { return 1; }
  Tensor sample(int64_t n, const Key& key) const {
    const double width = is(Wrong::width_of_samples) ? 1.01 : 1, place = is(Wrong::place_of_samples) ? 0.01 : 0;
    return mean + place + width * steeper(deviation, Wrong::sample_gradient) * normal({n, 1}, key, like(mean));
  }
  Tensor log_density(const Tensor& x) const {
    const Tensor d = steeper(deviation, Wrong::density_gradient);
    return sum(-0.5 * square((x - mean) / d) - log(d), {-1}) - 0.5 * std::log(2 * std::numbers::pi) + (is(Wrong::density) ? 0.01 : 0);
  }
  struct Noised {
    Tensor mean, variance;
    Wrong wrong;
    Tensor score(const Tensor& x) const { return (wrong == Wrong::score ? 1.01 : 1) * (mean - x) / variance; }
    Tensor log_density(const Tensor& x) const {
      const Tensor quadratic = -0.5 * square(x - mean) / variance;
      return sum((wrong == Wrong::slope_of_density ? 1.01 : 1) * quadratic - 0.5 * log(2 * std::numbers::pi * variance), {-1}) +
             (wrong == Wrong::noised_density ? 0.01 : 0);
    }
  };
  Noised noised(const Number& alpha, const Number& sigma) const {
    const Tensor a = alpha.like(mean), s = steeper(sigma.like(mean), Wrong::sigma_gradient);
    return {a * mean, square(a * steeper(deviation, Wrong::score_gradient)) + square(s), wrong};
  }
  FiniteData nodes() const {
    return push_forward([&](const Tensor& z) { return mean + (is(Wrong::nodes) ? 1.01 : 1) * deviation * z; }, 1, like(mean));
  }
  Almost mapped(const Mapping& f) const { return {f(mean), is(Wrong::mapping) ? deviation : f(deviation), wrong}; }
};
Almost almost(Wrong wrong) { return {from({0.4}, f64).requires_grad(), from({0.9}, f64).requires_grad(), wrong}; }

}  // namespace

TEST_CASE("Gaussians, mixtures and finite data are what they say") {
  CHECK(passes(Gaussian::diagonal(from({0.3}, f64), from({0.8}, f64))));
  CHECK(passes(tilted()));
  CHECK(passes(two_on_line()));
  CHECK(passes(shapes::eight_gaussians(2, 0.5, f64)));
  CHECK(passes(FiniteData{from({-1, 0.2, 0.9}, {3, 1}, f64), from({0.1, 0.5, -0.2}, f64)}));
  CHECK(passes(FiniteData{from({-1, 0.2, 0.9, 2, 1, 0}, {3, 2}, f64), {}, scalar(0.4, f64)}));
  CHECK(passes(push_forward([](const Tensor& z) { return z + 0.5 * tanh(2 * z); }, 1, f64)));
  CHECK(passes(Gaussian::standard(10, {.dtype = float32})));
}

TEST_CASE("a distribution of a user's own passes, with its derivatives and its nodes") {
  CHECK(passes(Uniform{from({-1}, f64), from({0.5}, f64)}));
  CHECK(passes(Uniform{from({-1, 0}, f64), from({0.5, 3}, f64)}));
  CHECK(passes(almost(Wrong::nothing), {.sigmas = {1}}));
}

TEST_CASE("a distribution that is wrong by 1 % in any one thing is rejected") {
  for (int w = 1; w <= static_cast<int>(Wrong::mapping); ++w) {
    const DistributionReport report = check_distribution(almost(static_cast<Wrong>(w)), {.sigmas = {1}});
    INFO(w << "\n" << to_string(report));
    CHECK_FALSE(report);
  }
}

TEST_CASE("a distribution of the wrong shapes is rejected before anything is compared") {
  struct Flat : Almost {
    Flat(const Almost& a) : Almost(a) {}
    Tensor sample(int64_t n, const Key& key) const { return select(Almost::sample(n, key), 1, 0); }
    Flat mapped(const Mapping& f) const { return Flat(Almost::mapped(f)); }
  };
  const DistributionReport report = check_distribution(Flat(almost(Wrong::nothing)));
  CHECK_FALSE(report);
  CHECK(to_string(report).find("sample(3, key) is [3], not [3, 1]") != std::string::npos);
  CHECK_THROWS_AS(check_distribution(tilted(), {.sigmas = {}}), Error);
}
