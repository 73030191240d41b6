#include "samplers/sampling.h"

#include <fmt/format.h>

namespace scoregrad {

Walk::Walk(const char* op, const Tensor& x, int64_t steps, const SamplerOptions& options, Where at)
    : op_(op), options_(options), at_(at), line_(at), recording_(options.differentiable && mode.recording), steps_(steps) {
  if (x.rank() < 2 || !is_floating(x.dtype()))
    throw Error(at, fmt::format("{}: particles of shape {} and type {}; wanted is [n, d], or [n, ..] for images, floating", op,
                                to_string(x.shape()), name_of(x.dtype())));
  if (steps < 0) throw Error(at, fmt::format("{}: {} steps", op, steps));
  samples_.x = options.differentiable ? x : x.detach();
}

bool Walk::next() {
  if (samples_.stopped || samples_.steps >= steps_) return false;
  if (options_.stop && *options_.stop) samples_.stopped = true;
  return !samples_.stopped;
}

void Walk::to(const Tensor& x) {
  samples_.x = x;
  ++samples_.steps;
  if (options_.observe) options_.observe(number(), samples_.x);
  if (options_.progress && !options_.progress(static_cast<double>(samples_.steps) / static_cast<double>(steps_)))
    samples_.stopped = samples_.steps < steps_;
}

Tensor Walk::noise(const Key& key, int64_t draw) const {
  const Tensor& x = samples_.x;
  if (!options_.noise) return normal(x.shape(), key.fold(draw), like(x), 0, at_);
  const Tensor z = options_.noise(draw, x);
  if (z.shape() != x.shape() || z.dtype() != x.dtype())
    throw Error(at_, fmt::format("{}: noise of shape {} for particles of shape {}", op_, to_string(z.shape()), to_string(x.shape())));
  return z;
}

Tensor Walk::checked(const Tensor& s, const Tensor& x) {
  ++samples_.evaluations;
  if (s.shape() != x.shape())
    throw Error(at_, fmt::format("{}: a score of shape {} for particles of shape {}", op_, to_string(s.shape()), to_string(x.shape())));
  return s;
}
Tensor Walk::score(const ScoreFunction& s, const Tensor& x) { return checked(s(x), x); }
Tensor Walk::score(const NoisyScore& s, const Tensor& x, double level) { return checked(s(x, scalar(level, like(x), at_)), x); }

}  // namespace scoregrad
