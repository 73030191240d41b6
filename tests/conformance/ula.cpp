// ula_gaussian: Langevin chains, probability flows, reverse diffusions and diagnostics where everything is known.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "distributions/encoder.h"
#include "samplers/diagnostics.h"
#include "samplers/diffusion.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"
#include "tests/conformance/kinds.h"
#include "tests/conformance/mixture.h"
#include "tests/samplers/affine.h"

namespace conformance {
namespace {

using namespace samplers;

const Ode fine{.method = Method::dormand_prince, .relative = 1e-13, .absolute = 1e-13};

Gaussian on_line(double mean, double variance, Options options) {
  return Gaussian::diagonal(full({1}, mean, options), full({1}, std::sqrt(variance), options));
}
Tensor point(double x, Options options) { return full({1, 1}, x, options); }
double number_at(const Tensor& x) { return x.item(); }

std::vector<double> doubles(const Field& list) {
  std::vector<double> out;
  for (size_t i = 0; i < list.size(); ++i) out.push_back(list[i].number());
  return out;
}

std::vector<LineLaw> chain(const Gaussian& target, const Steps& steps, double mean, double variance) {
  return laws_of(
      [&](const Tensor& x, const SamplerOptions& o) { langevin([&](const Tensor& y) { return target.score(y); }, x, steps, Key(0), o); },
      steps.count, mean, variance);
}

// Time is the variance of the noise: alpha = 1, sigma^2 = t, g^2 = 1.
struct HeatFlow {
  double last = 1;
  double start() const { return 0; }
  double stop() const { return last; }
  double alpha(double) const { return 1; }
  double sigma(double t) const { return std::sqrt(t); }
  double drift(double) const { return 0; }
  double diffusion2(double) const { return 1; }
  double time_at(double ratio) const { return ratio * ratio; }
  Tensor alpha(const Tensor& t) const { return 0 * t + 1; }
  Tensor sigma(const Tensor& t) const { return sqrt(t); }
  Tensor drift(const Tensor& t) const { return 0 * t; }
  Tensor diffusion2(const Tensor& t) const { return 0 * t + 1; }
  Tensor time_at(const Tensor& ratio) const { return square(ratio); }
};

// The end of a flow, the densities there and at its start, and the density at the end by the likelihood's integral.
template <class Law, NoiseSchedule S>
void flow(const Law& law, const S& schedule, double from, double to, double x, const std::array<const char*, 3>& names, Values& values,
          Options options) {
  const NoisyScore score = exact_score(law, schedule);
  const Course down = course(schedule, {from, to});
  const Tensor start = point(x, options), end = probability_flow(score, start, down, fine).x;
  const auto at = [&](double t) { return law.noised(schedule.alpha(t), schedule.sigma(t)); };
  values.add(names[0], number_at(end));
  values.add(names[1], number_at(at(from).log_density(start)));
  values.add(names[2], number_at(at(to).log_density(end)));
  const auto prior = [&](const Tensor& y) { return at(from).log_density(y); };
  values.add(names[2], number_at(log_likelihood(score, end, down.reversed(), prior, Key(0), {.ode = fine}).log_density));
}

}  // namespace

void ula_chain(const Field& test, Values& values) {
  const double v = test["v"].number(), e = test["eps"].number();
  const Gaussian target = on_line(0, v, test.options());
  const size_t lags = test["autocorrelation_lag"].size(), path = test["variance_path"].size(),
               laws_needed = std::max({lags, path, size_t{2}});
  const std::vector<LineLaw> laws = chain(target, {e, static_cast<int64_t>(laws_needed) - 1}, 0, test["x0_variance"].number());
  const double a = laws[1].slope;
  values.add("a", a);
  values.add("stationary_variance", e / (1 - a * a));
  values.add("stationary_variance", reshape(langevin_stationary(target, e).covariance(), {}));
  values.add("iat", (1 + a) / (1 - a));
  std::vector<double> correlation, variance;
  for (const LineLaw& law : laws) {
    if (correlation.size() < lags) correlation.push_back(law.slope);
    if (variance.size() < path) variance.push_back(law.variance);
  }
  values.add("autocorrelation_lag", from(correlation, test.options()));
  values.add("variance_path", from(variance, test.options()));
}

void ula_trajectory(const Field& test, Values& values) {
  const Gaussian target = Gaussian::with_covariance(test["mu"].tensor(), test["Sigma"].tensor());
  const Tensor z = test["z"].tensor();
  const double e = test["eps"].number();
  Tensors path{slice_axis(test["path"].tensor(), 0, 0, 1)};
  SamplerOptions options;
  options.noise = [&](int64_t i, const Tensor&) { return slice_axis(z, 0, i, i + 1); };
  options.observe = [&](int64_t, const Tensor& x) { path.push_back(x); };
  langevin([&](const Tensor& x) { return target.score(x); }, path.front(), {e, z.extent(0)}, Key(0), options);
  values.add("path", concat(path, 0));
  values.add("stationary_cov", langevin_stationary(target, e).covariance());
  // The largest step that is not refused.
  double stable = 0, diverges = 100;
  for (int i = 0; i < 80; ++i) {
    const double middle = 0.5 * (stable + diverges);
    try {
      langevin_stationary(target, middle);
      stable = middle;
    } catch (const Error&) {
      diverges = middle;
    }
  }
  values.add("max_stable_eps", stable);
}

void mala_chain(const Field& test, Values& values) { values.add("mean_acceptance", mala_acceptance(test["eps"].number())); }

void annealed_chain(const Field& test, Values& values) {
  const Gaussian data = on_line(test["mean"].number(), test["v"].number(), test.options());
  const Annealing levels{.sigmas = doubles(test["sigmas"]), .step = test["eps0"].number(), .count = test["T"].integer()};
  const NoisyScore score = [&](const Tensor& x, const Tensor& sigma) { return data.noised(1, sigma).score(x); };
  const auto run = [&](const Tensor& x, const SamplerOptions& o) { annealed_langevin(score, x, levels, Key(0), o); };
  const std::vector<LineLaw> laws =
      laws_of(run, static_cast<int64_t>(levels.sigmas.size()) * levels.count, test["x0_mean"].number(), test["x0_variance"].number());
  for (size_t i = 0; i < levels.sigmas.size(); ++i) {
    const LineLaw& law = laws[(i + 1) * static_cast<size_t>(levels.count)];
    values.add(fmt::format("levels[{}].alpha", i), levels.size(i));
    values.add(fmt::format("levels[{}].mean", i), law.mean);
    values.add(fmt::format("levels[{}].variance", i), law.variance);
  }
}

void flow_ve(const Field& test, Values& values) {
  flow(on_line(test["m"].number(), test["v"].number(), test.options()), Edm{}, test["sigma_from"].number(), test["sigma_to"].number(),
       test["x_from"].number(), {"x_to", "logp_from", "logp_to"}, values, test.options());
}

void flow_vp(const Field& test, Values& values) {
  const VP schedule{{test["beta_min"].number(), test["beta_max"].number()}};
  const double t = test["t"].number(), a = schedule.alpha(t), s = schedule.sigma(t);
  values.add("alpha_bar", a * a);
  values.add("variance_t", a * a * test["v"].number() + s * s);
  flow(on_line(test["m"].number(), test["v"].number(), test.options()), schedule, t, 0, test["x_t"].number(), {"x_0", "logp_t", "logp_0"},
       values, test.options());
}

void flow_ve_mixture(const Field& test, Values& values) {
  flow(line_mixture(test), Edm{}, test["sigma_from"].number(), test["sigma_to"].number(), test["x_from"].number(),
       {"x_to", "logp_from", "logp_to"}, values, test.options());
}

void reverse_ve(const Field& test, Values& values) {
  const double v = test["v"].number(), start = test["start_variance"].number();
  std::vector<double> times;
  for (double sigma : doubles(test["sigmas"])) times.push_back(sigma * sigma);
  const HeatFlow schedule{times.front()};
  const Course down = course(schedule, times);
  const NoisyScore score = exact_score(on_line(0, v, test.options()), schedule);
  const auto run = [&](const Tensor& x, const SamplerOptions& o) { reverse_sde(score, x, down, Key(0), o); };
  std::vector<double> em, exact{start};
  for (const LineLaw& law : laws_of(run, down.steps(), 0, start)) em.push_back(law.variance);
  // x at less noise given x at more is an encoder's posterior: x' ~ N(0, v + g'), x = x' + sqrt(g - g') eta.
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const LinearEncoder step{on_line(0, v + times[i + 1], test.options()), scalar(1, test.options()), std::sqrt(times[i] - times[i + 1])};
    const LinearEncoder::Posterior p = step.posterior();
    exact.push_back(number_at(square(p.gain)) * exact.back() + number_at(p.covariance));
  }
  values.add("em_variance", from(em, test.options()));
  values.add("exact_kernel_variance", from(exact, test.options()));
}

void diagnostics(const Field& test, Values& values) {
  const Tensor chains = test["chains"].tensor();
  values.add("rhat", r_hat(chains));
  values.add("split_rhat", split_r_hat(chains));
  values.add("acf_chain0", autocorrelation(select(chains, 0, 0), static_cast<int64_t>(test["acf_chain0"].size()) - 1));
  values.add("ess_per_chain", effective_sample_size(chains));
  values.add("iat_per_chain", autocorrelation_time(chains));
}

}  // namespace conformance
