#include "samplers/langevin.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace scoregrad {
namespace {

void check_size(const char* op, double size, Where at) {
  if (!(size > 0) || !std::isfinite(size)) throw Error(at, fmt::format("{}: steps of size {}", op, size));
}
// sqrt(e) z + (e/2) s + x, in this order for every chain.
Tensor moved(const Tensor& x, const Tensor& s, double e, const Tensor& z) { return x + 0.5 * e * s + std::sqrt(e) * z; }
// log N(y; x + (e/2) s, e I) up to a constant.
Tensor log_proposal(const Tensor& y, const Tensor& x, const Tensor& s, double e) {
  return -0.5 / e * sum(square(y - x - 0.5 * e * s), {-1});
}

}  // namespace

Samples langevin(const ScoreFunction& score, const Tensor& x, const Steps& steps, const Key& key, const SamplerOptions& options, Where at) {
  check_size("langevin", steps.size, at);
  Walk walk("langevin", x, steps.count, options, at);
  while (walk.next()) walk.to(moved(walk.x(), walk.score(score, walk.x()), steps.size, walk.noise(key, walk.number())));
  return walk.samples();
}

Samples mala(const std::function<DensityAndScore(const Tensor&)>& law, const Tensor& x, const Steps& steps, const Key& key,
             const SamplerOptions& options, Where at) {
  const double e = steps.size;
  check_size("mala", e, at);
  if (x.rank() != 2) throw Error(at, fmt::format("mala: particles of shape {}; wanted is [n, d]", to_string(x.shape())));
  Walk walk("mala", x, steps.count, options, at);
  DensityAndScore here;
  const auto evaluate = [&](const Tensor& points) {
    DensityAndScore out;
    walk.score([&](const Tensor& p) { return (out = law(p)).score; }, points);
    return out;
  };
  Tensor accepted = zeros({x.extent(0)}, like(x), at);
  while (walk.next()) {
    if (!here.score.defined()) here = evaluate(walk.x());
    const Tensor now = walk.x(), y = moved(now, here.score, e, walk.noise(key, walk.number()));
    const DensityAndScore there = evaluate(y);
    const Tensor log_ratio =
        there.log_density - here.log_density + log_proposal(now, y, there.score, e) - log_proposal(y, now, here.score, e);
    const Tensor u = uniform(accepted.shape(), key.fold(walk.number()).fold("accept"), like(x), 0, at);
    const Tensor yes = log(u) < log_ratio, row = unsqueeze(yes, -1);  // what is not a number is refused
    here = {where(yes, there.log_density, here.log_density), where(row, there.score, here.score)};
    accepted = accepted + yes.to(x.dtype());
    walk.to(where(row, y, now));
  }
  walk.samples().acceptance = accepted / static_cast<double>(std::max<int64_t>(1, walk.step()));
  return walk.samples();
}

Samples annealed_langevin(const NoisyScore& score, const Tensor& x, const Annealing& levels, const Key& key, const SamplerOptions& options,
                          Where at) {
  check_size("annealed_langevin", levels.step, at);
  if (levels.sigmas.empty() || levels.count < 0)
    throw Error(at, fmt::format("annealed_langevin: {} noise levels with {} steps each", levels.sigmas.size(), levels.count));
  for (double sigma : levels.sigmas)
    if (!(sigma > 0)) throw Error(at, fmt::format("annealed_langevin: a noise level of {}", sigma));
  const int64_t total = static_cast<int64_t>(levels.sigmas.size()) * levels.count;
  Walk walk("annealed_langevin", x, std::max<int64_t>(0, total - options.first), options, at);
  while (walk.next()) {
    const size_t level = static_cast<size_t>(walk.number() / levels.count);
    const Tensor s = walk.score(score, walk.x(), levels.sigmas[level]);
    walk.to(moved(walk.x(), s, levels.size(level), walk.noise(key, walk.number())));
  }
  Samples& out = walk.samples();
  if (levels.denoise && !out.stopped) {
    const double sigma = levels.sigmas.back();
    out.x = out.x + sigma * sigma * walk.score(score, out.x, sigma);
  }
  return out;
}

Gaussian langevin_stationary(const Gaussian& target, double step, Where at) {
  const CallerScope scope(at);
  const Tensor covariance = target.covariance(), identity = eye(target.dim(), like(covariance));
  // S and the inverse commute, and their product is positive exactly where the chain is stable.
  const Tensor shrunk = identity - 0.25 * step * inverse(covariance);
  try {
    return Gaussian::with_covariance(target.mean, solve(shrunk, covariance), at);
  } catch (const Error& e) {
    throw Error(
        at,
        fmt::format("langevin_stationary: steps of size {} have no stationary law; they must stay below 4 times the smallest variance ({})",
                    step, e.what()));
  }
}

double mala_acceptance(double step) {
  const double root = std::sqrt(step);
  return 2 / std::numbers::pi * (std::atan(root / 2) + std::atan((4 - step) / (2 * root)));
}

}  // namespace scoregrad
