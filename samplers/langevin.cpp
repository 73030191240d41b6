#include "samplers/langevin.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "autograd/tensor/misfit.h"

namespace scoregrad::samplers {
namespace {

void check_size(const char* op, double size, Where at) {
  if (!(size > 0) || !std::isfinite(size)) throw Error(at, fmt::format("{}: steps of size {}", op, size));
}
// x + (e/2) s + sqrt(e) z, in this order for every chain.
Tensor moved(const Tensor& x, const Tensor& s, double e, const Tensor& z) { return x + 0.5 * e * s + std::sqrt(e) * z; }
// log N(y; x + (e/2) s, e I) up to a constant.
Tensor log_proposal(const Tensor& y, const Tensor& x, const Tensor& s, double e) {
  return -0.5 / e * sum(square(y - x - 0.5 * e * s), {-1});
}

}  // namespace

Samples langevin(const ScoreFunction& score, const Tensor& x, const Steps& steps, const Key& key, const SamplerOptions& options, Where at) {
  check_size("langevin", steps.size, at);
  check_steps("langevin", steps.count, at);
  Walk walk("langevin", x, steps.count, options, at);
  walk.each([&](const Tensors& in) {
    const Tensor &at_x = in[0], &draw = in[1];
    return Tensors{moved(at_x, walk.score(score, at_x), steps.size, walk.noise(draw, at_x))};
  });
  while (walk.next()) {
    walk.evaluated(1);
    walk.to(walk.step({walk.x(), walk.draw(key, walk.number())})[0]);
  }
  return walk.samples();
}

Samples mala(const std::function<distributions::DensityAndScore(const Tensor&)>& law, const Tensor& x, const Steps& steps, const Key& key,
             const SamplerOptions& options, Where at) {
  const double e = steps.size;
  check_size("mala", e, at);
  check_steps("mala", steps.count, at);
  if (x.rank() != 2) throw misfit(at, "mala", "the particles", "[n, d]", x);
  Walk walk("mala", x, steps.count, options, at);
  const auto evaluate = [&](const Tensor& points) {
    distributions::DensityAndScore out;
    walk.score([&](const Tensor& p) { return (out = law(p)).score; }, points);
    if (out.log_density.shape() != Shape{points.extent(0)})
      throw misfit(at, "mala", "the log density", Shape{points.extent(0)}, out.log_density);
    return out;
  };
  walk.each([&](const Tensors& in) {
    const Tensor &now = in[0], &draw = in[1], &words = in[2], &accepted = in[5];
    const distributions::DensityAndScore here{in[3], in[4]};
    const Tensor y = moved(now, here.score, e, walk.noise(draw, now));
    const distributions::DensityAndScore there = evaluate(y);
    const Tensor log_ratio =
        there.log_density - here.log_density + log_proposal(now, y, there.score, e) - log_proposal(y, now, here.score, e);
    const Tensor u = uniform(accepted.shape(), Key(words), like(now), 0, at);
    const Tensor yes = log(u) < log_ratio, row = unsqueeze(yes, -1);  // what is not a number is refused
    return Tensors{where(row, y, now), where(yes, there.log_density, here.log_density), where(row, there.score, here.score),
                   accepted + yes.to(now.dtype())};
  });
  distributions::DensityAndScore here;
  Tensor accepted = zeros({x.extent(0)}, like(x), at);
  while (walk.next()) {
    if (!here.score.defined()) {
      here = evaluate(walk.x());
      walk.evaluated(1);
    }
    const Tensor words = key.fold(walk.number()).fold("accept").tensor(x.device(), at);
    const Tensors next = walk.step({walk.x(), walk.draw(key, walk.number()), words, here.log_density, here.score, accepted});
    here = {next[1], next[2]};
    accepted = next[3];
    walk.evaluated(1);
    walk.to(next[0]);
  }
  walk.samples().acceptance = accepted / static_cast<double>(std::max<int64_t>(1, walk.step()));
  return walk.samples();
}

Samples annealed_langevin(const NoisyScore& score, const Tensor& x, const Annealing& levels, const Key& key, const SamplerOptions& options,
                          Where at) {
  check_size("annealed_langevin", levels.step, at);
  if (levels.sigmas.empty()) throw Error(at, "annealed_langevin: 0 noise levels");
  check_steps("annealed_langevin", levels.count, at);
  for (size_t i = 0; i < levels.sigmas.size(); ++i) {
    const double sigma = levels.sigmas[i];
    if (!(sigma > 0) || !std::isfinite(sigma)) throw Error(at, fmt::format("annealed_langevin: a noise level of {}", sigma));
    if (i > 0 && sigma > levels.sigmas[i - 1])
      throw Error(at, fmt::format("annealed_langevin: noise level {} follows {}; they fall", sigma, levels.sigmas[i - 1]));
  }
  const int64_t total = static_cast<int64_t>(levels.sigmas.size()) * levels.count;
  Walk walk("annealed_langevin", x, std::max<int64_t>(0, total - options.first), options, at);
  walk.each([&](const Tensors& in) {
    const Tensor& now = in[0];
    const auto c = [&](int64_t i) { return select(in[1], 0, i); };
    return Tensors{now + c(1) * walk.score(score, now, c(0)) + c(2) * walk.noise(in[2], now)};
  });
  while (walk.next()) {
    const size_t level = static_cast<size_t>(walk.number() / levels.count);
    const double e = levels.size(level);
    walk.evaluated(1);
    walk.to(walk.step({walk.x(), walk.numbers({levels.sigmas[level], 0.5 * e, std::sqrt(e)}), walk.draw(key, walk.number())})[0]);
  }
  Samples& out = walk.samples();
  if (levels.denoise && !out.stopped) {
    const double sigma = levels.sigmas.back();
    out.x = out.x + sigma * sigma * walk.score(score, out.x, scalar(sigma, like(out.x), at));
    walk.evaluated(1);
  }
  return out;
}

distributions::Gaussian langevin_stationary(const distributions::Gaussian& target, double step, Where at) {
  check_size("langevin_stationary", step, at);
  const CallerScope scope(at);
  const Tensor covariance = target.covariance(), identity = eye(target.dim(), like(covariance));
  // S and the inverse commute, and their product is positive exactly where the chain is stable.
  const Tensor shrunk = identity - 0.25 * step * inverse(covariance);
  try {
    return distributions::Gaussian::with_covariance(target.mean, solve(shrunk, covariance), at);
  } catch (const Error& e) {
    throw Error(
        at,
        fmt::format("langevin_stationary: steps of size {} have no stationary law; they must stay below 4 times the smallest variance ({})",
                    step, e.what()));
  }
}

double mala_acceptance(double step, Where at) {
  check_size("mala_acceptance", step, at);
  const double root = std::sqrt(step);
  return 2 / std::numbers::pi * (std::atan(root / 2) + std::atan((4 - step) / (2 * root)));
}

}  // namespace scoregrad::samplers
