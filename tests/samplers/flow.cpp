// Flows: end points and likelihoods of Gaussians and mixtures, the order of every solver, and where ddim and DPM-Solver++ are exact.
#include "samplers/flow.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/gaussian.h"
#include "distributions/half_space.h"
#include "distributions/mixture.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
constexpr double m = 0.4, v = 0.7;
const Gaussian data = Gaussian::diagonal(full({1}, m, f64), full({1}, std::sqrt(v), f64));
const Edm schedule{.sigma_min = 0.1, .sigma_max = 3};
const VP vp;
const Ode fine{.method = Method::dormand_prince, .relative = 1e-12, .absolute = 1e-12};
const Tensor x = from({-2, 0.1, 3.5}, {3, 1}, f64);

// Where the flow takes x from sigma_max to sigma_min, and from t = 0.9 to 0.1 in the variance-preserving case: quantiles are kept.
Tensor ve_end() { return m + (x - m) * std::sqrt((v + 0.01) / (v + 9)); }
Tensor vp_end() {
  const double a1 = vp.alpha(0.9), s1 = vp.sigma(0.9), a0 = vp.alpha(0.1), s0 = vp.sigma(0.1);
  return a0 * m + (x - a1 * m) * std::sqrt((a0 * a0 * v + s0 * s0) / (a1 * a1 * v + s1 * s1));
}
double error_of(const Tensor& got) { return max(abs(got - ve_end())).item(); }

}  // namespace

TEST_CASE("the flow of a Gaussian ends where its quantiles are, in both kinds of schedule and both directions") {
  const Samples ve = probability_flow(exact_score(data, schedule), x, course(schedule, {3.0, 0.1}), fine);
  CHECK(apart(ve.x, ve_end()) < 1e-11);
  CHECK(apart(probability_flow(exact_score(data, schedule), ve.x, course(schedule, {0.1, 3.0}), fine).x, x) < 1e-11);
  const Samples v_p = probability_flow(exact_score(data, vp), x, course(vp, {0.9, 0.1}), fine);
  CHECK(apart(v_p.x, vp_end()) < 1e-11);
  CHECK((ve.steps == 1 && ve.evaluations > 100));
}

TEST_CASE("halving the step divides the error by two for Euler and ddim, by four for Heun and DPM-Solver++") {
  const NoisyScore score = exact_score(data, schedule);
  const auto ratio = [&](const std::function<Tensor(const Course&)>& solver) {
    return error_of(solver(geometric_course(schedule, 64))) / error_of(solver(geometric_course(schedule, 128)));
  };
  const double euler = ratio([&](const Course& c) { return probability_flow(score, x, c, {.method = Method::euler}).x; });
  const double heun = ratio([&](const Course& c) { return probability_flow(score, x, c, {.method = Method::heun}).x; });
  const double first = ratio([&](const Course& c) { return ddim(score, x, c).x; });
  const double second = ratio([&](const Course& c) { return dpm_solver(score, x, c).x; });
  CAPTURE(euler, heun, first, second);
  CHECK((euler > 1.9 && euler < 2.1));
  CHECK((first > 1.9 && first < 2.1));
  CHECK((heun > 3.8 && heun < 4.2));
  CHECK((second > 3.7 && second < 4.3));
}

TEST_CASE("ddim is Euler's method in sigma where alpha is 1, and the first step of DPM-Solver++ is ddim's") {
  const NoisyScore score = exact_score(data, schedule);
  const Course c = geometric_course(schedule, 5), one = course(vp, {0.9, 0.4});
  CHECK(apart(ddim(score, x, c).x, probability_flow(score, x, c, {.method = Method::euler}).x) < 1e-14);
  CHECK(apart(dpm_solver(exact_score(data, vp), x, one).x, ddim(exact_score(data, vp), x, one).x) < 1e-14);
}

TEST_CASE("where the data are one point, ddim and DPM-Solver++ are exact in any number of steps, down to no noise at all") {
  const NoisyScore point = [](const Tensor& y, const Tensor& t) { return (m * vp.alpha(t) - y) / square(vp.sigma(t)); };
  const double a = vp.alpha(0.9), s = vp.sigma(0.9);
  const Tensor eps = (x - a * m) / s;
  for (const std::vector<double>& times : {std::vector<double>{0.9, 0.2}, std::vector<double>{0.9, 0.7, 0.5, 0.3, 0.2}}) {
    const Tensor want = vp.alpha(0.2) * m + vp.sigma(0.2) * eps;
    CHECK(apart(ddim(point, x, course(vp, times)).x, want) < 1e-13);
    CHECK(apart(dpm_solver(point, x, course(vp, times)).x, want) < 1e-13);
  }
  const Tensor all_the_way = dpm_solver(point, x, course(vp, {0.9, 0.5, 0.1, 0.0})).x;
  CHECK(apart(all_the_way, full({3, 1}, m, f64)) < 1e-12);
  CHECK(apart(ddim(point, x, course(vp, {0.9, 0.5, 0.1, 0.0})).x, all_the_way) < 1e-12);
  // And upwards, to the noise that belongs to data that are not the point.
  const Tensor encoded = ddim(point, vp.alpha(0.2) * m + vp.sigma(0.2) * eps, course(vp, {0.2, 0.9})).x;
  CHECK(apart(encoded, x) < 1e-13);
}

TEST_CASE("Dormand and Prince's method is of fifth order and keeps its tolerance") {
  const NoisyScore score = exact_score(data, schedule);
  // A tolerance that everything meets: one step from each time of the course to the next.
  const auto coarse = [&](int64_t steps) {
    const Samples got = probability_flow(score, x, geometric_course(schedule, steps), {Method::dormand_prince, 1e10, 1e10});
    CHECK(got.evaluations == 7 * steps);
    return error_of(got.x);
  };
  const double ratio = coarse(32) / coarse(64);
  CAPTURE(ratio);
  CHECK((ratio > 28 && ratio < 36));
  for (double tolerance : {1e-5, 1e-8, 1e-11})
    CHECK(error_of(probability_flow(score, x, course(schedule, {3.0, 0.1}), {Method::dormand_prince, tolerance, tolerance}).x) <
          20 * tolerance);
}

TEST_CASE("the integrator solves what can be solved by hand, forwards and backwards, and says where it cannot go on") {
  // y' = -2 t y: y = exp(-t^2).
  const Slope bell{[](const Tensor& t, const Tensor& y) { return -2 * t * y; }};
  Integrator integrate(bell, fine);
  const Tensor one = ones({1}, f64), end = integrate(one, 0, 1.5);
  CHECK(apart(end.item(), std::exp(-2.25)) < 1e-11);
  CHECK(apart(integrate(end, 1.5, 0).item(), 1) < 1e-10);
  CHECK((integrate.accepted() > 20 && integrate.rejected() < integrate.accepted()));
  // y' = y^2 blows up at t = 1.
  Integrator blows({[](const Tensor&, const Tensor& y) { return square(y); }}, {.method = Method::dormand_prince, .most = 500});
  CHECK(contains(message_of([&] { blows(one, 0, 2); }), "dormand_prince: no tolerable step at time 1"));
  Integrator nothing({[](const Tensor&, const Tensor& y) { return std::nan("") * y; }}, fine);
  CHECK_THROWS_AS(nothing(one, 0, 1), Error);
}

TEST_CASE("a stopped flow is at one of its course's times") {
  const NoisyScore score = exact_score(data, schedule);
  volatile std::sig_atomic_t stop = 0;
  Tensor last;
  SamplerOptions options{.observe = [&](int64_t step, const Tensor& y) {
    last = y;
    if (step == 2) stop = 1;
  }};
  options.stop = &stop;
  const Samples got = probability_flow(score, x, geometric_course(schedule, 4), fine, options);
  CHECK((got.stopped && got.steps == 2));
  CHECK(apart(got.x, last) == 0);
  const double there = schedule.ladder(2).empty() ? 0 : geometric_ladder(3, 0.1, 5)[2];
  CHECK(apart(got.x, m + (x - m) * std::sqrt((v + there * there) / (v + 9))) < 1e-11);
}

TEST_CASE("on a line the flow keeps quantiles, also those of a mixture") {
  const Mixture two{log(from({0.3, 0.7}, f64)), from({-2, 1.5}, {2, 1}, f64), sqrt(from({0.2, 0.4}, {2, 1, 1}, f64))};
  const auto above = [&](double sigma, const Tensor& at) {
    std::vector<double> out;
    for (double v : at.to_vector<double>()) out.push_back(half_space_mass(two.noised(1, sigma), ones({1}, f64), v).item());
    return from(out, f64);
  };
  const Tensor end = probability_flow(exact_score(two, schedule), x, course(schedule, {3.0, 0.1}), fine).x;
  CHECK(apart(above(0.1, end), above(3, x)) < 1e-10);
  CHECK(max(abs(end - x)).item() > 0.5);
}

TEST_CASE("the likelihood of a Gaussian changes by half the logarithm of its variances' ratio") {
  const auto prior = [](const Tensor& y) { return data.noised(1, 3).log_density(y); };
  const Likelihood got = log_likelihood(exact_score(data, schedule), x, course(schedule, {0.1, 3.0}), prior, Key(1), {.ode = fine});
  CHECK(apart(got.log_density, data.noised(1, 0.1).log_density(x)) < 1e-10);
  CHECK(apart(got.latent, m + (x - m) * std::sqrt((v + 9) / (v + 0.01))) < 1e-10);
  CHECK(apart(got.log_density - prior(got.latent), full({3}, 0.5 * std::log((v + 9) / (v + 0.01)), f64)) < 1e-10);
  // With a drift, which has a divergence of its own.
  const auto law_at = [](const auto& s, double t) { return data.noised(s.alpha(t), s.sigma(t)); };
  const auto agrees = [&](const auto& s) {
    const auto end = [&](const Tensor& y) { return law_at(s, 0.9).log_density(y); };
    const Likelihood found = log_likelihood(exact_score(data, s), x, course(s, {0.1, 0.9}), end, Key(1), {.ode = fine});
    return apart(found.log_density, law_at(s, 0.1).log_density(x));
  };
  CHECK(agrees(vp) < 1e-10);
  CHECK(agrees(SubVP{}) < 1e-10);
}

TEST_CASE("the likelihood of a mixture in the plane is its density, and probes estimate it without bias") {
  const Mixture law{from({0.3, -0.4}, f64), from({1, 0.5, -1, 0.2}, {2, 2}, f64),
                    from({0.9, 0, 0.2, 0.7, 0.5, 0, -0.3, 0.8}, {2, 2, 2}, f64)};
  const Tensor at = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64);
  const NoisyScore score = exact_score(law, schedule);
  const Course up = course(schedule, {0.1, 3.0});
  const auto prior = [&](const Tensor& y) { return law.noised(1, 3).log_density(y); };
  const Tensor want = law.noised(1, 0.1).log_density(at);
  const Ode ode{Method::dormand_prince, 1e-9, 1e-9};
  const Likelihood exact = log_likelihood(score, at, up, prior, Key(1), {.ode = ode});
  CHECK(apart(exact.log_density, want) < 1e-7);
  CHECK_FALSE(exact.log_density.tracked());

  // The same point many times, each with its own probe.
  const int64_t n = 400;
  const Tensor copies = broadcast_to(slice_axis(at, 0, 0, 1), {n, 2});
  const Tensor estimates =
      log_likelihood(score, copies, up, prior, Key(2), {.ode = {Method::dormand_prince, 1e-6, 1e-6}, .probes = 1}).log_density;
  const double error = std::sqrt(var(estimates).item() / static_cast<double>(n));
  CHECK(error > 1e-4);
  CHECK(std::abs(mean(estimates).item() - select(want, 0, 0).item()) < 4 * error);
}

TEST_CASE("a likelihood has gradients where it is asked for them: in x they are the score") {
  const NoisyScore score = exact_score(data, schedule);
  const auto prior = [](const Tensor& y) { return data.noised(1, 3).log_density(y); };
  const Tensor at = x.detach().requires_grad();
  const LikelihoodOptions options{.ode = {Method::dormand_prince, 1e-9, 1e-9}, .differentiable = true};
  const Likelihood got = log_likelihood(score, at, course(schedule, {0.1, 3.0}), prior, Key(1), options);
  CHECK(apart(grad(sum(got.log_density), at), data.noised(1, 0.1).score(x)) < 1e-6);
}
