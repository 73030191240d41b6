// Langevin chains against what they do to a Gaussian in closed form, and on a mixture against its exact moments.
#include "samplers/langevin.h"

#include <cmath>

#include "distributions/half_space.h"
#include "distributions/mixture.h"
#include "samplers/diagnostics.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/samplers/affine.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
// 0.3 N(-1, 0.5) + 0.7 N(1.2, 0.3): its chains mix.
const Mixture bumps{log(from({0.3, 0.7}, f64)), from({-1, 1.2}, {2, 1}, f64), sqrt(from({0.5, 0.3}, {2, 1, 1}, f64))};
const double first = 0.3 * -1 + 0.7 * 1.2, second = 0.3 * (1 + 0.5) + 0.7 * (1.44 + 0.3);

struct Average {
  double mean, error;
};
Average average(const Tensor& x) { return {mean(x).item(), std::sqrt(var(x).item() / static_cast<double>(x.numel()))}; }

}  // namespace

TEST_CASE("on a Gaussian an unadjusted chain has the variance and the correlation of an autoregression") {
  const double v = 0.8, e = 0.3, a = 1 - e / (2 * v), limit = v / (1 - e / (4 * v));
  const auto run = [&](const Tensor& x, const SamplerOptions& o) {
    langevin([&](const Tensor& y) { return (0.5 - y) / v; }, x, {e, 40}, Key(0), o);
  };
  const std::vector<LineLaw> laws = laws_of(run, 40, 2, 0.1);
  for (size_t k : {0, 1, 2, 7, 40}) {
    CHECK(apart(laws[k].slope, std::pow(a, k)) < 1e-13);
    CHECK(apart(laws[k].mean, 0.5 + 1.5 * std::pow(a, k)) < 1e-13);
    CHECK(apart(laws[k].variance, std::pow(a, 2 * k) * 0.1 + (1 - std::pow(a, 2 * k)) * limit) < 1e-13);
  }
}

TEST_CASE("the stationary law of an unadjusted chain stays when a step is made, and longer steps have none") {
  const Gaussian target = Gaussian::with_covariance(from({0.3, -1}, f64), from({0.9, 0.3, 0.3, 0.5}, {2, 2}, f64));
  const double e = 0.4;
  const Gaussian law = langevin_stationary(target, e);
  const Tensor a = eye(2, f64) - 0.5 * e * inverse(target.covariance()), s = law.covariance();
  CHECK(apart(matmul(matmul(a, s), transpose(a)) + e * eye(2, f64), s) < 1e-14);
  CHECK(apart(langevin_stationary(Gaussian::standard(1, f64), 2).covariance().item(), 2) < 1e-15);
  CHECK_NOTHROW(langevin_stationary(Gaussian::standard(1, f64), 3.99));
  CHECK_THROWS_AS(langevin_stationary(Gaussian::standard(1, f64), 4.01), Error);
}

TEST_CASE("Metropolis' correction leaves the exact law alone, whatever the step, where plain Langevin does not") {
  const int64_t n = 20000;
  const Tensor x = bumps.sample(n, Key(1));
  for (double e : {0.1, 0.8, 2.5}) {
    CAPTURE(e);
    const Samples got = mala([&](const Tensor& y) { return bumps.evaluate(y); }, x, {e, 20}, Key(2));
    const Average one = average(got.x), two = average(square(got.x));
    CHECK(std::abs(one.mean - first) < 4 * one.error);
    CHECK(std::abs(two.mean - second) < 4 * two.error);
    CHECK(got.acceptance.shape() == Shape{n});
    CHECK((got.evaluations == 21 && got.steps == 20));
    const double rate = mean(got.acceptance).item();
    CHECK((rate > 0 && rate < 1));
    // Every particle moved as often as it accepted: never if the share is 0.
    const Tensor unmoved = (select(got.x, 1, 0) == select(x, 1, 0)).to(float64);
    CHECK(apart(sum(unmoved).item(), sum((got.acceptance == 0).to(float64)).item()) == 0);
  }
  const Samples biased = langevin([&](const Tensor& y) { return bumps.score(y); }, x, {0.8, 20}, Key(2));
  const Average two = average(square(biased.x));
  CHECK(std::abs(two.mean - second) > 8 * two.error);
}

TEST_CASE("Metropolis' correction accepts on a standard normal as often as two arctangents say") {
  // Printed by the closed form elsewhere, for steps of 0.1, 0.5, 1 and 2.
  CHECK(apart(mala_acceptance(0.1), 0.997484) < 1e-6);
  CHECK(apart(mala_acceptance(0.5), 0.971883) < 1e-6);
  CHECK(apart(mala_acceptance(1), 0.920833) < 1e-6);
  CHECK(apart(mala_acceptance(2), 0.783653) < 1e-6);
  const Gaussian standard = Gaussian::standard(1, f64);
  const Tensor x = standard.sample(40000, Key(3));
  for (double e : {1.0, 2.0, 5.0}) {
    const Average rate = average(mala([&](const Tensor& y) { return standard.evaluate(y); }, x, {e, 1}, Key(4)).acceptance);
    CHECK(std::abs(rate.mean - mala_acceptance(e)) < 4 * rate.error);
  }
}

TEST_CASE("on a standard normal each proposal is judged by exp(-(e/8)(y^2 - x^2))") {
  const double e = 1.7;
  const Gaussian standard = Gaussian::standard(1, f64);
  const Tensor x = normal({500, 1}, Key(1), f64), z = normal({500, 1}, Key(2).fold(0), f64), y = (1 - e / 2) * x + std::sqrt(e) * z;
  const Tensor u = uniform({500}, Key(2).fold(0).fold("accept"), f64), yes = log(u) < select(-(e / 8) * (square(y) - square(x)), 1, 0);
  const Samples got = mala([&](const Tensor& at) { return standard.evaluate(at); }, x, {e, 1}, Key(2));
  CHECK(apart(got.x, where(unsqueeze(yes, 1), y, x)) < 1e-14);
  CHECK(apart(got.acceptance, yes.to(float64)) == 0);
}

TEST_CASE("a proposal into a place without density is refused") {
  // Uniform on (-1, 1), whose log density is -inf outside and whose score is undefined there.
  const auto law = [](const Tensor& x) {
    const Tensor inside = abs(x) < 1;
    const double none = std::numeric_limits<double>::infinity();
    return DensityAndScore{where(select(inside, 1, 0), 0 * select(x, 1, 0), -none), where(inside, 0 * x, std::nan(""))};
  };
  const Tensor x = 2 * uniform({5000, 1}, Key(1), f64) - 1, y = mala(law, x, {0.5, 30}, Key(2)).x;
  CHECK(max(abs(y)).item() < 1);
  const Average two = average(square(y));
  CHECK(std::abs(two.mean - 1.0 / 3) < 4 * two.error);
}

TEST_CASE("an annealed chain follows the recursion of its levels, with steps that fall as the noise squared") {
  const double v = 0.3, m = 1.5;
  const Annealing levels{.sigmas = {4, 2, 0.5}, .step = 0.05, .count = 3};
  CHECK(apart(levels.size(0), 0.05 * 64) < 1e-15);
  const Gaussian data = Gaussian::diagonal(full({1}, m, f64), full({1}, std::sqrt(v), f64));
  const NoisyScore score = [&](const Tensor& x, const Tensor& sigma) { return data.noised(1, sigma).score(x); };
  const auto run = [&](const Tensor& x, const SamplerOptions& o) { annealed_langevin(score, x, levels, Key(0), o); };
  const std::vector<LineLaw> laws = laws_of(run, 9, -1, 2);
  double mean = -1, variance = 2;
  for (size_t k = 0; k < 9; ++k) {
    const double sigma = levels.sigmas[k / 3], e = levels.size(k / 3), a = 1 - e / (2 * (v + sigma * sigma));
    mean = m + a * (mean - m);
    variance = a * a * variance + e;
    CHECK(apart(laws[k + 1].mean, mean) < 1e-13);
    CHECK(apart(laws[k + 1].variance, variance) < 1e-13);
  }
}

TEST_CASE("the last denoising takes away what the last noise level left") {
  // At a Gaussian, x + sigma^2 s shrinks towards the mean by v / (v + sigma^2).
  const double v = 0.3;
  const NoisyScore score = [&](const Tensor& x, const Tensor& sigma) { return -x / (v + square(sigma)); };
  Annealing levels{.sigmas = {2, 0.5}, .step = 0.05, .count = 10};
  const Tensor x = normal({5, 2}, Key(1), f64);
  const Samples noisy = annealed_langevin(score, x, levels, Key(2));
  levels.denoise = true;
  const Samples clean = annealed_langevin(score, x, levels, Key(2));
  CHECK(apart(clean.x, v / (v + 0.25) * noisy.x) < 1e-14);
  CHECK((clean.steps == 20 && clean.evaluations == 21));
}

TEST_CASE("the share of a mixture on one side of a plane is that of its samples") {
  const Mixture poster{log(from({0.2, 0.8}, f64)), from({5, 5, -5, -5}, {2, 2}, f64), stack({eye(2, f64), eye(2, f64)})};
  const Tensor diagonal = ones({2}, f64);
  // 0.2 Phi(sqrt(50 / (1 + s^2))) + 0.8 Phi(-...), computed elsewhere.
  const std::vector<std::pair<double, double>> known = {{20, 0.41720}, {10, 0.34451}, {4, 0.22590}, {0, 0.2}};
  for (const auto& [s, mass] : known) CHECK(apart(half_space_mass(poster.noised(1, s), diagonal).item(), mass) < 1e-5);
  const Tensor x = poster.noised(1, 10).sample(20000, Key(7));
  const Share found = wilson(sum((sum(x, {1}) > 3).to(float64)).item(), 20000, 4);
  CHECK(found.contains(half_space_mass(poster.noised(1, 10), diagonal, 3).item()));
}
