#include "samplers/flow.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/graph/jacobian.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad::samplers {
namespace {

// How many steps a solver is likely to make: a tolerance wants a hundred, more or less.
int64_t expected(const Course& course, const Ode& ode) { return ode.method == Method::dormand_prince ? 100 : course.steps(); }

}  // namespace

Samples probability_flow(const NoisyScore& score, const Tensor& x, const Course& course, const Ode& ode, const SamplerOptions& options,
                         Where at) {
  course.check("probability_flow", false, false, at);
  Walk walk("probability_flow", x, course.steps_from(options.first), options, at);
  const auto slope = [&](const Tensor& c, const Tensor& y) {
    return select(c, 0, 1) * y - select(c, 0, 2) * walk.score(score, y, select(c, 0, 0));
  };
  const auto numbers = [&](double t) {
    const Stage now = course.at(t);
    return std::vector<double>{t, now.drift, 0.5 * now.diffusion2};
  };
  Integrator integrate({slope, numbers}, ode, walk.compiled(expected(course, ode)), at);
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.number());
    const int64_t before = integrate.evaluations();
    const bool last = i + 2 == course.times.size();
    const Tensor y = integrate(
        walk.x(), course.times[i], course.times[i + 1], [&] { return walk.next(); }, last);
    walk.evaluated(integrate.evaluations() - before);
    if (y.defined()) walk.to(y);
  }
  return walk.samples();
}

Samples ddim(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options, Where at) {
  course.check("ddim", false, true, at);
  Walk walk("ddim", x, course.steps_from(options.first), options, at);
  walk.each([&](const Tensors& in) {
    const auto c = [&](int64_t i) { return select(in[1], 0, i); };
    const Tensor s = walk.score(score, in[0], c(0));
    return Tensors{c(3) * ((in[0] + c(1) * s) / c(2)) - c(4) * s};
  });
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    walk.evaluated(1);
    walk.to(walk.step({walk.x(), walk.numbers({now.time, now.sigma * now.sigma, now.alpha, then.alpha, then.sigma * now.sigma})})[0]);
  }
  return walk.samples();
}

Samples dpm_solver(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options, Where at) {
  course.check("dpm_solver", false, true, at);
  Walk walk("dpm_solver", x, course.steps_from(options.first), options, at);
  Tensor before;                      // the denoised x of the last step
  double last = 0;                    // and how far that step went in log(alpha/sigma)
  walk.each([&](const Tensors& in) {  // x, numbers and, in a step of second order, the denoised x before
    const auto c = [&](int64_t i) { return select(in[1], 0, i); };
    const Tensor here = (in[0] + c(1) * walk.score(score, in[0], c(0))) / c(2);
    const Tensor target = in.size() > 2 ? here + c(5) * (here - in[2]) : here;
    return Tensors{c(3) * in[0] - c(4) * target, here};
  });
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const double h = std::log(then.alpha / then.sigma) - std::log(now.alpha / now.sigma);
    const bool first_order = !before.defined() || !std::isfinite(h);
    Tensors in{walk.x(), walk.numbers({now.time, now.sigma * now.sigma, now.alpha, then.sigma / now.sigma, then.alpha * std::expm1(-h),
                                       first_order ? 0 : 0.5 * h / last})};
    if (!first_order) in.push_back(before);
    const Tensors next = walk.step(in);
    before = next[1];
    last = h;
    walk.evaluated(1);
    walk.to(next[0]);
  }
  return walk.samples();
}

Likelihood log_likelihood(const NoisyScore& score, const Tensor& x, const Course& course,
                          const std::function<Tensor(const Tensor&)>& log_prior, const Key& key, const LikelihoodOptions& options,
                          Where at) {
  if (x.rank() != 2) throw misfit(at, "log_likelihood", "the points", "[n, d]", x);
  course.check("log_likelihood", false, false, at);
  if (options.probes < 0) throw Error(at, fmt::format("log_likelihood: {} probes", options.probes));
  const SamplerOptions run{.differentiable = options.differentiable, .progress = options.progress, .compile = options.compile};
  Walk walk("log_likelihood", x, course.steps(), run, at);
  const int64_t n = x.extent(0), d = x.extent(1);
  const Tensor probes = options.probes > 0 ? rademacher({options.probes, n, d}, key, like(x), 0, at) : Tensor{};
  // The state is x with the integral of the divergence as a last column.
  const auto slope = [&](const Tensor& numbers, const Tensor& y) {
    const auto c = [&](int64_t i) { return select(numbers, 0, i); };
    const Tensor points = slice_axis(y, 1, 0, d);
    const Function field = [&](const Tensor& p) { return score(p, c(0)); };
    const ValueAndDivergence s = probes.defined() ? divergence(field, points, probes, {.create_graph = options.differentiable}, at)
                                                  : divergence(field, points, {.create_graph = options.differentiable}, at);
    return concat({c(1) * points - c(2) * s.value, unsqueeze(c(3) - c(2) * s.divergence, 1)}, 1, at);
  };
  const auto numbers = [&](double t) {
    const Stage now = course.at(t);
    return std::vector<double>{t, now.drift, 0.5 * now.diffusion2, now.drift * static_cast<double>(d)};
  };
  Integrator integrate({slope, numbers}, options.ode, walk.compiled(expected(course, options.ode)), at);
  Tensor y = concat({walk.x(), zeros({n, 1}, like(x), at)}, 1, at);
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.step());
    y = integrate(
        y, course.times[i], course.times[i + 1], [] { return true; }, i + 2 == course.times.size());
    walk.to(slice_axis(y, 1, 0, d));
  }
  if (walk.samples().stopped) throw Error(at, "log_likelihood: stopped on the way");
  const Tensor prior = log_prior(walk.x());
  if (prior.shape() != Shape{n}) throw misfit(at, "log_likelihood", "the log density", Shape{n}, prior);
  return {prior + select(y, 1, d), walk.x(), integrate.evaluations()};
}

}  // namespace scoregrad::samplers
