#include "samplers/diffusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad::samplers {
namespace {

void check_falling(const char* op, const std::vector<double>& times, Where at) {
  for (size_t i = 0; i + 1 < times.size(); ++i)
    if (!(times[i + 1] < times[i]))
      throw Error(at, fmt::format("{}: time {} follows {}; noise is taken away in falling order", op, times[i + 1], times[i]));
}

// x' = c[1] x + c[2] s + c[3] z with the level c[0] of s, from time t to t'.
std::vector<double> reverse_numbers(const Stage& now, const Stage& then) {
  const double span = now.time - then.time;
  return {now.time, 1 - span * now.drift, span * now.diffusion2, std::sqrt(span * now.diffusion2)};
}
// The numbers of a step, one by one.
auto entries(const Tensor& numbers) {
  return [numbers](int64_t i) { return select(numbers, 0, i); };
}

}  // namespace

Samples reverse_sde(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options,
                    Where at) {
  course.check("reverse_sde", true, false, at);
  Walk walk("reverse_sde", x, course.steps_from(options.first), options, at);
  walk.each([&](const Tensors& in) {
    const auto c = entries(in[1]);
    const Tensor& now = in[0];
    return Tensors{c(1) * now + c(2) * walk.score(score, now, c(0)) + c(3) * walk.noise(in[2], now)};
  });
  while (walk.next()) {
    const int64_t i = walk.number();
    walk.evaluated(1);
    walk.to(walk.step({walk.x(), walk.numbers(reverse_numbers(course.stage(i), course.stage(i + 1))), walk.draw(key, i)})[0]);
  }
  return walk.samples();
}

Samples predictor_corrector(const NoisyScore& score, const Tensor& x, const Course& course, const Corrector& corrector, const Key& key,
                            const SamplerOptions& options, Where at) {
  course.check("predictor_corrector", true, false, at);
  if (corrector.count < 0 || !(corrector.snr > 0) || !std::isfinite(corrector.snr))
    throw Error(at, fmt::format("predictor_corrector: {} corrector steps of ratio {}", corrector.count, corrector.snr));
  Walk walk("predictor_corrector", x, course.steps_from(options.first), options, at);
  walk.each([&](const Tensors& in) {  // x, numbers, and a draw for each step, the corrector's after the predictor's
    const auto c = entries(in[1]);
    Tensor y = c(1) * in[0] + c(2) * walk.score(score, in[0], c(0)) + c(3) * walk.noise(in[2], in[0]);
    for (size_t j = 3; j < in.size(); ++j) y = y + c(5) * walk.score(score, y, c(4)) + c(6) * walk.noise(in[j], y);
    return Tensors{y};
  });
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    const double e = 4 * corrector.snr * corrector.snr * then.sigma * then.sigma;
    std::vector<double> numbers = reverse_numbers(now, then);
    numbers.insert(numbers.end(), {then.time, 0.5 * e, std::sqrt(e)});
    Tensors in{walk.x(), walk.numbers(numbers)};
    for (int64_t j = 0; j <= (e > 0 ? corrector.count : 0); ++j) in.push_back(walk.draw(key, walk.number() * (1 + corrector.count) + j));
    walk.evaluated(static_cast<int64_t>(in.size()) - 2);
    walk.to(walk.step(in)[0]);
  }
  return walk.samples();
}

Samples ancestral(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options, double eta,
                  Where at) {
  course.check("ancestral", true, true, at);
  if (!(eta >= 0) || !std::isfinite(eta)) throw Error(at, fmt::format("ancestral: eta {} is not a number of at least 0", eta));
  Walk walk("ancestral", x, course.steps_from(options.first), options, at);
  walk.each([&](const Tensors& in) {
    const auto c = entries(in[1]);
    const Tensor s = walk.score(score, in[0], c(0)), y = c(3) * ((in[0] + c(1) * s) / c(2)) - c(4) * s;
    return Tensors{in.size() > 2 ? y + c(5) * walk.noise(in[2], y) : y};
  });
  while (walk.next()) {
    const Stage now = course.stage(walk.number()), then = course.stage(walk.number() + 1);
    // What noise the step from `then` to `now` would add, and what of it is left in x_then given x_now and the data.
    const double kept = now.alpha / then.alpha, added = now.sigma * now.sigma - kept * kept * then.sigma * then.sigma;
    if (added < 0)
      throw Error(
          at, fmt::format("ancestral: sigma/alpha rises from time {} to {}; noise is taken away in falling order", now.time, then.time));
    const double variance = eta * eta * added * then.sigma * then.sigma / (now.sigma * now.sigma);
    const double known = std::sqrt(std::max(0.0, then.sigma * then.sigma - variance));
    Tensors in{walk.x(), walk.numbers({now.time, now.sigma * now.sigma, now.alpha, then.alpha, known * now.sigma, std::sqrt(variance)})};
    if (variance > 0) in.push_back(walk.draw(key, walk.number()));
    walk.evaluated(1);
    walk.to(walk.step(in)[0]);
  }
  return walk.samples();
}

Samples heun(const NoisyScore& score, const Tensor& x, const HeunSteps& steps, const Key& key, const SamplerOptions& options, Where at) {
  std::vector<double> sigmas = steps.sigmas;
  if (steps.to_zero) sigmas.push_back(0);
  check_falling("heun", sigmas, at);
  if (sigmas.size() < 2 || sigmas.back() < 0)
    throw Error(at, fmt::format("heun: {} noise levels, down to {}", sigmas.size(), sigmas.back()));
  for (double number : {sigmas.front(), steps.churn, steps.noise})
    if (!(number >= 0) || !std::isfinite(number))
      throw Error(at, fmt::format("heun: levels from {}, churn {} and noise {} must be numbers of at least 0", sigmas.front(), steps.churn,
                                  steps.noise));
  const int64_t count = static_cast<int64_t>(sigmas.size()) - 1;
  const double most = std::min(steps.churn / static_cast<double>(count), std::sqrt(2.0) - 1);
  Walk walk("heun", x, std::max<int64_t>(0, count - options.first), options, at);
  walk.each([&](const Tensors& in) {  // x, numbers, fewer where the step ends at 0, and a draw where it is churned
    const auto c = entries(in[1]);
    const Tensor start = in.size() > 2 ? in[0] + c(3) * walk.noise(in[2], in[0]) : in[0];
    const Tensor slope = c(1) * walk.score(score, start, c(0)), end = start + c(2) * slope;
    if (in[1].extent(0) == 4) return Tensors{end};
    return Tensors{start + c(4) * (slope - c(5) * walk.score(score, end, c(5)))};
  });
  while (walk.next()) {
    const size_t i = static_cast<size_t>(walk.number());
    const bool churned = most > 0 && steps.from <= sigmas[i] && sigmas[i] <= steps.to;
    const double from = churned ? sigmas[i] * (1 + most) : sigmas[i], to = sigmas[i + 1];
    std::vector<double> numbers{from, -from, to - from, std::sqrt(from * from - sigmas[i] * sigmas[i]) * steps.noise};
    if (to != 0) numbers.insert(numbers.end(), {0.5 * (to - from), to});
    Tensors in{walk.x(), walk.numbers(numbers)};
    if (churned) in.push_back(walk.draw(key, walk.number()));
    walk.evaluated(to == 0 ? 1 : 2);
    walk.to(walk.step(in)[0]);
  }
  return walk.samples();
}

}  // namespace scoregrad::samplers
