#include "samplers/diffusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad {
namespace {

void check_falling(const char* op, const std::vector<double>& times, Where at) {
  for (size_t i = 0; i + 1 < times.size(); ++i)
    if (!(times[i + 1] < times[i]))
      throw Error(at, fmt::format("{}: time {} follows {}; noise is taken away in falling order", op, times[i + 1], times[i]));
}
int64_t left(const Course& course, const SamplerOptions& options) { return std::max<int64_t>(0, course.steps() - options.first); }

Tensor reverse_step(const Tensor& x, const Tensor& s, const Stage& now, double span, const Tensor& z) {
  return (1 - span * now.drift) * x + span * now.diffusion2 * s + std::sqrt(span * now.diffusion2) * z;
}

}  // namespace

Samples reverse_sde(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options,
                    Where at) {
  check_falling("reverse_sde", course.times, at);
  Walk walk("reverse_sde", x, left(course, options), options, at);
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const Tensor s = walk.score(score, walk.x(), now.time);
    walk.to(reverse_step(walk.x(), s, now, now.time - then.time, walk.noise(key, walk.number())));
  }
  return walk.samples();
}

Samples predictor_corrector(const NoisyScore& score, const Tensor& x, const Course& course, const Corrector& corrector, const Key& key,
                            const SamplerOptions& options, Where at) {
  check_falling("predictor_corrector", course.times, at);
  if (corrector.count < 0 || !(corrector.snr > 0))
    throw Error(at, fmt::format("predictor_corrector: {} corrector steps of ratio {}", corrector.count, corrector.snr));
  Walk walk("predictor_corrector", x, left(course, options), options, at);
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    int64_t draw = walk.number() * (1 + corrector.count);
    Tensor y = reverse_step(walk.x(), walk.score(score, walk.x(), now.time), now, now.time - then.time, walk.noise(key, draw));
    const double e = 4 * corrector.snr * corrector.snr * then.sigma * then.sigma;
    for (int64_t j = 0; e > 0 && j < corrector.count; ++j)
      y = y + 0.5 * e * walk.score(score, y, then.time) + std::sqrt(e) * walk.noise(key, ++draw);
    walk.to(y);
  }
  return walk.samples();
}

Samples ancestral(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options, double eta,
                  Where at) {
  check_falling("ancestral", course.times, at);
  Walk walk("ancestral", x, left(course, options), options, at);
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const Tensor s = walk.score(score, walk.x(), now.time);
    // What noise the step from `then` to `now` would add, and what of it is left in x_then given x_now and the data.
    const double kept = now.alpha / then.alpha, added = now.sigma * now.sigma - kept * kept * then.sigma * then.sigma;
    const double variance = eta * eta * added * then.sigma * then.sigma / (now.sigma * now.sigma);
    const double known = std::sqrt(std::max(0.0, then.sigma * then.sigma - variance));
    Tensor y = then.alpha * denoised(walk.x(), s, now) - known * now.sigma * s;
    if (variance > 0) y = y + std::sqrt(variance) * walk.noise(key, walk.number());
    walk.to(y);
  }
  return walk.samples();
}

Samples edm(const NoisyScore& score, const Tensor& x, const EdmSteps& steps, const Key& key, const SamplerOptions& options, Where at) {
  std::vector<double> sigmas = steps.sigmas;
  if (steps.to_zero) sigmas.push_back(0);
  check_falling("edm", sigmas, at);
  if (sigmas.size() < 2 || sigmas.back() < 0)
    throw Error(at, fmt::format("edm: {} noise levels, down to {}", sigmas.size(), sigmas.back()));
  const int64_t count = static_cast<int64_t>(sigmas.size()) - 1;
  const double most = std::min(steps.churn / static_cast<double>(count), std::sqrt(2.0) - 1);
  Walk walk("edm", x, std::max<int64_t>(0, count - options.first), options, at);
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.number());
    const bool churned = most > 0 && steps.from <= sigmas[i] && sigmas[i] <= steps.to;
    const double from = churned ? sigmas[i] * (1 + most) : sigmas[i], to = sigmas[i + 1];
    Tensor start = walk.x();
    if (churned) start = start + std::sqrt(from * from - sigmas[i] * sigmas[i]) * steps.noise * walk.noise(key, walk.number());
    const Tensor slope = -from * walk.score(score, start, from), end = start + (to - from) * slope;
    walk.to(to == 0 ? end : start + (0.5 * (to - from)) * (slope - to * walk.score(score, end, to)));
  }
  return walk.samples();
}

}  // namespace scoregrad
