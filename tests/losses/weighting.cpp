// Weighted denoising losses on Gaussian data under a Gaussian model, where every level has a closed form; expectations by quadrature, exact
// for the quadratic integrands.
#include "losses/weighting.h"

#include "distributions/quadrature.h"
#include "losses/parametrisation.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/losses/estimate.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;
using namespace scoregrad::losses;

namespace {

const Options f64{.dtype = float64};
constexpr double data_variance = 0.7, model_variance = 1.3;

// The score of N(0, v) noised: -x_t / (alpha^2 v + sigma^2).
template <NoiseSchedule S>
TimedScore score_of(double v, const S& schedule) {
  return [=](const Tensor& xt, const Tensor& t) { return -xt / unsqueeze(square(schedule.alpha(t)) * v + square(schedule.sigma(t)), 1); };
}
// E over x ~ N(0, data_variance) and eps of a loss at one time.
template <class F>
double expected(const F& loss) {
  const quadrature::Nodes nodes = quadrature::product(quadrature::gauss_hermite(4), 2, f64);
  const Tensor x = std::sqrt(data_variance) * slice_axis(nodes.z, 1, 0, 1), eps = slice_axis(nodes.z, 1, 1, 2);
  return sum(nodes.weights * loss(x, eps)).item();
}
template <NoiseSchedule S>
double level(double v, const S& schedule, double time, const Weighting& weight) {
  return expected([&](const Tensor& x, const Tensor& eps) {
    return denoising_over_time(score_of(v, schedule), x, eps, full({x.extent(0)}, time, f64), schedule, weight);
  });
}
// E 1/2 |s - t|^2 of the model's score by hand.
double by_hand(double a, double s) {
  const double w = 1 / (a * a * model_variance + s * s);
  return 0.5 * (w * w * a * a * data_variance + (1 / s - w * s) * (1 / s - w * s));
}
// KL between centred Gaussians.
double kl(double p, double m) { return 0.5 * (p / m - 1 - std::log(p / m)); }

// The likelihood weighting's promise, by Simpson's rule over time.
template <NoiseSchedule S>
void integrates_to_kl(const S& schedule) {
  const auto at = [&](double time) {
    return level(model_variance, schedule, time, weighting::likelihood) - level(data_variance, schedule, time, weighting::likelihood);
  };
  const int n = 400;
  const double a = schedule.start(), b = schedule.stop(), h = (b - a) / n;
  double total = 0;
  for (int i = 0; i <= n; ++i) total += (i == 0 || i == n ? 1 : i % 2 ? 4 : 2) * at(a + i * h);
  const auto divergence = [&](double time) {
    const double a2 = schedule.alpha(time) * schedule.alpha(time), s2 = schedule.sigma(time) * schedule.sigma(time);
    return kl(a2 * data_variance + s2, a2 * model_variance + s2);
  };
  CHECK(apart(total * h / 3, divergence(a) - divergence(b)) < 1e-6);
  CHECK(divergence(a) > 0.02);
}

}  // namespace

TEST_CASE("each weighting is its factor times the closed form of the level, for every schedule") {
  const auto check = [](const auto& schedule, double time) {
    const double a = schedule.alpha(time), s = schedule.sigma(time), plain = by_hand(a, s);
    CHECK(apart(level(model_variance, schedule, time, weighting::none), plain) < 1e-12);
    CHECK(apart(level(model_variance, schedule, time, weighting::ncsn), s * s * plain) < 1e-12);
    CHECK(apart(level(model_variance, schedule, time, weighting::likelihood), schedule.diffusion2(time) * plain) < 1e-12);
    CHECK(apart(level(model_variance, schedule, time, weighting::edm(0.8)), s * s * (s * s + 0.64) / 0.64 * plain) < 1e-12);
    CHECK(apart(factor(Predicts::eps, a, s), s * s) < 1e-15);
  };
  check(VE{0.1, 3}, 0.4);
  check(VP{}, 0.4);
  check(SubVP{}, 0.4);
  check(Edm{}, 0.6);
}

TEST_CASE("with the likelihood weighting the explicit loss integrates to a difference of KL divergences") {
  integrates_to_kl(VE{0.1, 8});
  integrates_to_kl(VP{});
  integrates_to_kl(SubVP{});
}

TEST_CASE("NCSN's loss is the mean over its ladder of sigma^2 times the level") {
  const std::vector<double> ladder = geometric_ladder(2, 0.2, 4);
  const Tensor x = std::sqrt(data_variance) * normal({40000, 1}, Key(1), f64);
  const Estimate found = estimate(ncsn(score_of(model_variance, Edm{}), x, ladder, Key(2)));
  double want = 0;
  for (double s : ladder) want += s * s * by_hand(1, s) / 4;
  CHECK(found.away(want) < 4);
  CHECK(found.error < 0.01 * want);
  CHECK_THROWS_AS(ncsn(score_of(1, Edm{}), x, {}, Key(0)), Error);
}

TEST_CASE(
    "EDM's loss of a denoiser is the denoising loss of its score under EDM's weighting, and one at every level for the data's own scale") {
  for (double sigma : {0.3, 1.0, 4.0}) {
    const auto level_of = [&](double v) {
      return expected([&](const Tensor& x, const Tensor& eps) {
        const TimedScore s = score_of(v, Edm{});
        const TimedScore denoiser = [&](const Tensor& xt, const Tensor& t) { return xt + unsqueeze(square(t), 1) * s(xt, t); };
        return edm(denoiser, x, eps, full({x.extent(0)}, sigma, f64), 0.8);
      });
    };
    CHECK(apart(level_of(model_variance), level(model_variance, Edm{}, sigma, weighting::edm(0.8))) < 1e-12);
  }
  // A denoiser that is exact for data of deviation sigma_data loses 1/2 at every level.
  const double own = expected([&](const Tensor& x, const Tensor& eps) {
    const TimedScore s = score_of(data_variance, Edm{});
    const TimedScore denoiser = [&](const Tensor& xt, const Tensor& t) { return xt + unsqueeze(square(t), 1) * s(xt, t); };
    return edm(denoiser, x, eps, full({x.extent(0)}, 0.9, f64), std::sqrt(data_variance));
  });
  CHECK(apart(own, 0.5) < 1e-12);
}

TEST_CASE("shapes and scales that make no sense are refused") {
  const Tensor x = ones({3, 2}, f64);
  const TimedScore s = [](const Tensor& xt, const Tensor&) { return -xt; };
  CHECK_THROWS_AS(denoising_over_time(s, x, x, ones({2}, f64), VE{}, weighting::none), Error);
  CHECK_THROWS_AS(edm(s, x, x, ones({3}, f64), 0), Error);
  CHECK_THROWS_AS(weighting::edm(-1), Error);
}
