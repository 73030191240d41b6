#include "samplers/sampling.h"

#include <fmt/format.h>

#include <limits>

#include "autograd/tensor/misfit.h"

namespace scoregrad::samplers {

void check_steps(const char* op, int64_t steps, Where at) {
  if (steps < 1 || steps >= std::numeric_limits<int>::max()) throw Error(at, fmt::format("{}: {} steps; at least one is made", op, steps));
}

Walk::Walk(const char* op, const Tensor& x, int64_t steps, const SamplerOptions& options, Where at)
    : op_(op), options_(options), at_(at), line_(at), recording_(options.differentiable && mode.recording), steps_(steps) {
  if (x.rank() < 2 || !is_floating(x.dtype())) throw misfit(at, op, "the particles", "floating [n, d], or [n, ..] for images,", kind_of(x));
  if (steps < 0 || options.first < 0) throw Error(at, fmt::format("{}: {} steps after {}", op, steps, options.first));
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

void Walk::each(compiled::Step f) { step_.emplace(std::move(f), compiled(number() + steps_)); }

Tensors Walk::step(const Tensors& arguments) {
  if (samples_.steps + 1 == steps_) step_->audit_next();
  return (*step_)(arguments, at_);
}

Tensor Walk::draw(const Key& key, int64_t i) const {
  const Tensor& x = samples_.x;
  if (!options_.noise) return key.fold(i).tensor(x.device(), at_);
  const Tensor z = options_.noise(i, x);
  check_like(at_, op_, "the noise", x, z);
  return z;
}

Tensor Walk::noise(const Tensor& drawn, const Tensor& x) const {
  return options_.noise ? drawn : normal(x.shape(), Key(drawn), like(x), 0, at_);
}

Tensor Walk::checked(const Tensor& s, const Tensor& x) const {
  check_like(at_, op_, "the score", x, s);
  return s;
}

}  // namespace scoregrad::samplers
