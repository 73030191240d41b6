#include "samplers/flow.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/graph/jacobian.h"

namespace scoregrad {
namespace {

int64_t left(const Course& course, const SamplerOptions& options) { return std::max<int64_t>(0, course.steps() - options.first); }

}  // namespace

Samples probability_flow(const NoisyScore& score, const Tensor& x, const Course& course, const Ode& ode, const SamplerOptions& options,
                         Where at) {
  Walk walk("probability_flow", x, left(course, options), options, at);
  Integrator integrate(
      [&](double t, const Tensor& y) {
        const Stage now = course.at(t);
        return now.drift * y - (0.5 * now.diffusion2) * walk.score(score, y, t);
      },
      ode, at);
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.number());
    const Tensor y = integrate(walk.x(), course.times[i], course.times[i + 1], [&] { return walk.next(); });
    if (y.defined()) walk.to(y);
  }
  return walk.samples();
}

Samples ddim(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options, Where at) {
  Walk walk("ddim", x, left(course, options), options, at);
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const Tensor s = walk.score(score, walk.x(), now.time);
    walk.to(then.alpha * denoised(walk.x(), s, now) - (then.sigma * now.sigma) * s);
  }
  return walk.samples();
}

Samples dpm_solver(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options, Where at) {
  Walk walk("dpm_solver", x, left(course, options), options, at);
  Tensor before;    // the denoised x of the last step
  double last = 0;  // and how far that step went in log(alpha/sigma)
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const Tensor here = denoised(walk.x(), walk.score(score, walk.x(), now.time), now);
    const double h = std::log(then.alpha / then.sigma) - std::log(now.alpha / now.sigma);
    const bool first_order = !before.defined() || !std::isfinite(h);
    const Tensor target = first_order ? here : here + (0.5 * h / last) * (here - before);
    walk.to((then.sigma / now.sigma) * walk.x() - (then.alpha * std::expm1(-h)) * target);
    before = here;
    last = h;
  }
  return walk.samples();
}

Likelihood log_likelihood(const NoisyScore& score, const Tensor& x, const Course& course,
                          const std::function<Tensor(const Tensor&)>& log_prior, const Key& key, const LikelihoodOptions& options,
                          Where at) {
  if (x.rank() != 2) throw Error(at, fmt::format("log_likelihood: points of shape {}; wanted is [n, d]", to_string(x.shape())));
  const SamplerOptions run{.differentiable = options.differentiable, .progress = options.progress};
  Walk walk("log_likelihood", x, course.steps(), run, at);
  const int64_t n = x.extent(0), d = x.extent(1);
  const Tensor probes = options.probes > 0 ? rademacher({options.probes, n, d}, key, like(x), 0, at) : Tensor{};
  int64_t evaluations = 0;
  // The state is x with the integral of the divergence as a last column.
  Integrator integrate(
      [&](double t, const Tensor& y) {
        ++evaluations;
        const Stage now = course.at(t);
        const Tensor level = scalar(t, like(y), at), points = narrow(y, 1, 0, d);
        const Function field = [&](const Tensor& p) { return score(p, level); };
        const ValueAndDivergence s = probes.defined() ? divergence(field, points, probes, options.differentiable, at)
                                                      : divergence(field, points, options.differentiable, at);
        const Tensor slope = now.drift * points - (0.5 * now.diffusion2) * s.value;
        const Tensor rate = now.drift * static_cast<double>(d) - (0.5 * now.diffusion2) * s.divergence;
        return concat({slope, unsqueeze(rate, 1)}, 1, at);
      },
      options.ode, at);
  Tensor y = concat({walk.x(), zeros({n, 1}, like(x), at)}, 1, at);
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.step());
    y = integrate(y, course.times[i], course.times[i + 1]);
    walk.to(narrow(y, 1, 0, d));
  }
  if (walk.samples().stopped) throw Error(at, "log_likelihood: stopped on the way");
  return {log_prior(walk.x()) + select(y, 1, d), walk.x(), evaluations};
}

}  // namespace scoregrad
