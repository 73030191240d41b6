// Reverse diffusions: on a Gaussian the variance of every step by hand, on a single point exactly the noised law.
#include "samplers/diffusion.h"

#include <cmath>

#include "distributions/gaussian.h"
#include "distributions/mixture.h"
#include "samplers/diagnostics.h"
#include "samplers/flow.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/samplers/affine.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
constexpr double m = 0.4, v = 0.7;
const Gaussian data = Gaussian::diagonal(full({1}, m, f64), full({1}, std::sqrt(v), f64));

struct Moments {
  double mean, variance;
};
// One Euler-Maruyama step of the reverse equation for N(m, v), by hand.
Moments euler_maruyama(Moments x, const Stage& now, double span) {
  const double total = now.alpha * now.alpha * v + now.sigma * now.sigma;  // of x_t, whose score is (alpha m - x) / total
  const double a = 1 - span * now.drift - span * now.diffusion2 / total;
  return {a * x.mean + span * now.diffusion2 * now.alpha * m / total, a * a * x.variance + span * now.diffusion2};
}

template <NoiseSchedule S>
void follows_by_hand(const S& schedule) {
  const Course down = course(schedule, int64_t{6});
  const NoisyScore score = exact_score(data, schedule);
  const auto plain = laws_of([&](const Tensor& x, const SamplerOptions& o) { reverse_sde(score, x, down, Key(0), o); }, 6, 1, 2);
  const Corrector corrector{.count = 2, .snr = 0.2};
  const auto corrected =
      laws_of([&](const Tensor& x, const SamplerOptions& o) { predictor_corrector(score, x, down, corrector, Key(0), o); }, 18, 1, 2);
  Moments x{1, 2}, y{1, 2};
  for (int64_t i = 0; i < 6; ++i) {
    const Stage now = down.stage(i), then = down.stage(i + 1);
    x = euler_maruyama(x, now, now.time - then.time);
    CHECK(apart(plain[i + 1].mean, x.mean) < 1e-12);
    CHECK(apart(plain[i + 1].variance, x.variance) < 1e-12);
    y = euler_maruyama(y, now, now.time - then.time);
    const double total = then.alpha * then.alpha * v + then.sigma * then.sigma, e = 4 * 0.04 * then.sigma * then.sigma;
    for (int j = 0; j < 2; ++j) {
      const double a = 1 - e / (2 * total);
      y = {a * y.mean + (1 - a) * then.alpha * m, a * a * y.variance + e};
    }
    CHECK(apart(corrected[i + 1].mean, y.mean) < 1e-12);
    CHECK(apart(corrected[i + 1].variance, y.variance) < 1e-12);
  }
}

// How far the law at the end of reverse_sde is from that of the data, for so many steps.
template <NoiseSchedule S>
double reverse_error(const S& schedule, int64_t steps) {
  const Course down = course(schedule, steps);
  const NoisyScore score = exact_score(data, schedule);
  const Stage first = down.stage(0), last = down.stage(steps);
  const double start = first.alpha * first.alpha * v + first.sigma * first.sigma;
  const auto laws =
      laws_of([&](const Tensor& x, const SamplerOptions& o) { reverse_sde(score, x, down, Key(0), o); }, steps, first.alpha * m, start);
  return std::abs(laws.back().variance - (last.alpha * last.alpha * v + last.sigma * last.sigma));
}

}  // namespace

TEST_CASE("reverse diffusion and its corrections have the variances of their recursions, in every schedule") {
  follows_by_hand(VE{.sigma_min = 0.1, .sigma_max = 3});
  follows_by_hand(VP{{.beta_min = 0.1, .beta_max = 5}});
  follows_by_hand(SubVP{{.beta_min = 0.1, .beta_max = 5}});
  follows_by_hand(Edm{.sigma_min = 0.1, .sigma_max = 3});
}

TEST_CASE("half the step, half the error of the law that a reverse diffusion ends in") {
  const VP vp{{.beta_min = 0.1, .beta_max = 5}};
  const VE ve{.sigma_min = 0.1, .sigma_max = 3};
  const SubVP sub{{.beta_min = 0.1, .beta_max = 5}};
  for (const double ratio : {reverse_error(vp, 400) / reverse_error(vp, 800), reverse_error(ve, 400) / reverse_error(ve, 800),
                             reverse_error(sub, 400) / reverse_error(sub, 800)}) {
    CAPTURE(ratio);
    CHECK((ratio > 1.85 && ratio < 2.15));
  }
}

TEST_CASE("ancestral steps are exact for a single point, and without noise they are ddim") {
  const VP schedule{{.beta_min = 0.1, .beta_max = 5}};
  const Course down = course(schedule, {1.0, 0.6, 0.3, 0.05});
  // The score of alpha m + sigma eps.
  const NoisyScore point = [&](const Tensor& x, const Tensor& t) { return (m * schedule.alpha(t) - x) / square(schedule.sigma(t)); };
  const Stage first = down.stage(0);
  const auto laws = laws_of([&](const Tensor& x, const SamplerOptions& o) { ancestral(point, x, down, Key(0), o); }, 3, first.alpha * m,
                            first.sigma * first.sigma);
  for (int64_t i = 1; i <= 3; ++i) {
    const Stage s = down.stage(i);
    CHECK(apart(laws[i].mean, s.alpha * m) < 1e-13);
    CHECK(apart(laws[i].variance, s.sigma * s.sigma) < 1e-13);
  }
  const Tensor x = normal({4, 1}, Key(2), f64);
  const NoisyScore score = exact_score(data, schedule);
  CHECK(apart(ancestral(score, x, down, Key(1), {}, 0).x, ddim(score, x, down).x) < 1e-15);
}

TEST_CASE("an ancestral step on a Gaussian is the exact posterior with the denoised x in the data's place") {
  const VP schedule{{.beta_min = 0.1, .beta_max = 5}};
  const Course down = course(schedule, {0.8, 0.5});
  const Stage t = down.stage(0), s = down.stage(1);
  const double kept = t.alpha / s.alpha, added = t.sigma * t.sigma - kept * kept * s.sigma * s.sigma;
  const double gain = t.alpha * v / (t.alpha * t.alpha * v + t.sigma * t.sigma);  // E[x | x_t] = m + gain (x_t - alpha m)
  const double slope = kept * s.sigma * s.sigma / (t.sigma * t.sigma) + s.alpha * added / (t.sigma * t.sigma) * gain;
  const double noise = s.sigma * s.sigma * added / (t.sigma * t.sigma);
  const NoisyScore score = exact_score(data, schedule);
  const auto laws = laws_of([&](const Tensor& x, const SamplerOptions& o) { ancestral(score, x, down, Key(0), o); }, 1, 0.2, 1.5);
  CHECK(apart(laws[1].slope, slope) < 1e-14);
  CHECK(apart(laws[1].variance, slope * slope * 1.5 + noise) < 1e-14);
}

TEST_CASE("the sampler of Karras et al. without churn is Heun's method on the flow, and with churn it keeps the law") {
  const Edm schedule{.sigma_min = 0.1, .sigma_max = 3};
  const NoisyScore score = exact_score(data, schedule);
  const std::vector<double> sigmas = schedule.ladder(12);
  const Tensor x = normal({5, 1}, Key(2), f64) * 3;
  const Tensor flow = probability_flow(score, x, course(schedule, sigmas), {.method = Method::heun}).x;
  CHECK(apart(heun(score, x, {.sigmas = sigmas, .to_zero = false}, Key(1)).x, flow) < 1e-14);
  // The step to zero denoises: x + sigma^2 s.
  CHECK(apart(heun(score, x, {.sigmas = sigmas}, Key(1)).x, flow + 0.01 * score(flow, scalar(0.1, f64))) < 1e-13);

  const std::vector<double> fine = schedule.ladder(200);
  for (double churn : {0.0, 40.0}) {
    const HeunSteps steps{.sigmas = fine, .churn = churn, .to_zero = false};
    const auto laws = laws_of([&](const Tensor& y, const SamplerOptions& o) { heun(score, y, steps, Key(0), o); }, 199, m, v + 9);
    CAPTURE(churn);
    CHECK(apart(laws.back().mean, m) < 1e-3);
    CHECK(apart(laws.back().variance, v + 0.01) < 1e-3);
    CHECK((laws.back().slope > 0.1) == (churn == 0));  // churn forgets where a particle came from
  }
}

TEST_CASE("from noise to a mixture: the weights come out within four standard errors") {
  const Mixture two{log(from({0.3, 0.7}, f64)), from({-2, 2}, {2, 1}, f64), 0.5 * ones({2, 1, 1}, f64)};
  const VP schedule;
  const int64_t n = 4000;
  const Tensor x = normal({n, 1}, Key(3), f64), centres = from({-2, 2}, {2, 1}, f64);
  const NoisyScore score = exact_score(two, schedule);
  // Times that are dense near the data, where the weights are decided last.
  const Course down = geometric_course(schedule, 60);
  for (const Tensor& got :
       {reverse_sde(score, x, down, Key(4)).x, predictor_corrector(score, x, down, {}, Key(5)).x, ancestral(score, x, down, Key(6)).x}) {
    const std::vector<Share> shares = mode_weights(got, centres, 4);
    CHECK(shares[0].contains(0.3));
    CHECK(std::abs(mean(got).item() - 0.8) < 0.1);
  }
}
