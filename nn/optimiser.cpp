#include "nn/optimiser.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

Tensors clipped(const Tensors& grads, double bound, Where at) {
  if (!(bound > 0)) throw Error(at, fmt::format("clipped: the bound {} is not positive", bound));
  const NoGrad guard;
  if (grads.empty()) return {};
  constexpr double unit = 0x1p-20;  // the joint norm of numbers may be larger than any number
  Tensor total;
  for (const Tensor& g : grads) {
    const Tensor part = norm(mul(Operand(g, at.file, at.line), unit));
    total = total.defined() ? hypot(total, part) : part;
  }
  const Tensor factor = minimum(bound * unit / total, 1);
  Tensors out;
  for (const Tensor& g : grads) out.push_back(g * factor);
  return out;
}

namespace {

void check_at_least_0(const char* who, const char* what, double value, Where at) {
  if (!(value >= 0) || !std::isfinite(value)) throw Error(at, fmt::format("{}: {} {} is not a number of at least 0", who, what, value));
}
// What an average keeps of itself: at 1 it would never move, beyond it would grow for ever.
void check_share(const char* who, const char* what, double value, Where at) {
  if (!(value >= 0 && value < 1)) throw Error(at, fmt::format("{}: {} {} is not in [0, 1)", who, what, value));
}
// What keeps a quotient finite where no gradient has come yet.
void check_positive(const char* who, const char* what, double value, Where at) {
  if (!(value > 0) || !std::isfinite(value)) throw Error(at, fmt::format("{}: {} {} is not a positive number", who, what, value));
}

}  // namespace

Optimiser::Optimiser(const char* name, Tensors parameters, Rate rate_, Where at)
    : name_(name), parameters_(std::move(parameters)), follow_(std::move(rate_.follow)) {
  if (parameters_.empty()) throw Error(at, fmt::format("{}: no parameters; do those of the module require a gradient?", name));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& p = parameters_[i];
    if (!p.is_leaf())
      throw Error(at, fmt::format("{}: parameter {}{} {}; give it leaves that require_grad()", name, i,
                                  p.defined() ? " of shape " + to_string(p.shape()) : "",
                                  p.tracked()   ? fmt::format("was computed by {}", p.made_by())
                                  : p.defined() ? "requires no gradient"
                                                : "is undefined"));
  }
  if (!follow_) check_at_least_0(name_, "rate", rate_.value, at);
  // They live where the parameters do; float64, because 1 - beta^steps cancels.
  const Options wide{float64, parameters_[0].device()};
  rate = scalar(rate_.value, wide);
  steps = scalar(0, wide);
}

void Optimiser::begin(const Tensors& grads, Where at) {
  if (grads.size() != parameters_.size())
    throw Error(at, fmt::format("{}: {} gradients for {} parameters", name_, grads.size(), parameters_.size()));
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor &g = grads[i], &p = parameters_[i];
    if (!g.defined()) throw Error(at, fmt::format("{}: gradient {} is undefined", name_, i));
    if (!is_like(p, g)) throw misfit(at, name_, fmt::format("gradient {}", i), p, g);
  }
  begin(at);
}

void Optimiser::begin(Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  if (follow_) copy_(rate, follow_(steps));
  add_(steps, 1);
}

Tensors Optimiser::zeros_for_each() const {
  Tensors out;
  for (const Tensor& p : parameters_) out.push_back(zeros_like(p));
  return out;
}

namespace {

Tensor with_decay(const Tensor& g, const Tensor& p, double weight_decay) { return weight_decay == 0 ? g : g + weight_decay * p; }

}  // namespace

SGD::SGD(Tensors parameters, SGDOptions options, Where at)
    : Optimiser("SGD", std::move(parameters), options.rate, at), options_(std::move(options)) {
  if (options_.nesterov && options_.momentum == 0) throw Error(at, "SGD: nesterov without momentum is plain gradient descent");
  check_share("SGD", "momentum", options_.momentum, at);
  check_at_least_0("SGD", "weight_decay", options_.weight_decay, at);
  if (options_.momentum != 0) momenta_ = zeros_for_each();
}

void SGD::step(const Tensors& grads, Where at) {
  begin(grads, at);
  const CallerScope scope(at);
  const NoGrad guard;
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor& p = parameters()[i];
    Tensor move = with_decay(grads[i], p, options_.weight_decay);
    if (!momenta_.empty()) {
      copy_(momenta_[i], options_.momentum * momenta_[i] + move);
      move = options_.nesterov ? move + options_.momentum * momenta_[i] : momenta_[i];
    }
    copy_(p, p - rate.to(p.dtype()) * move);
  }
}

Adam::Adam(Tensors parameters, AdamOptions options, Where at) : Adam("Adam", std::move(parameters), std::move(options), false, at) {}
Adam::Adam(const char* name, Tensors parameters, AdamOptions options, bool decoupled, Where at)
    : Optimiser(name, std::move(parameters), options.rate, at),
      first_(zeros_for_each()),
      roots_(zeros_for_each()),
      options_(std::move(options)),
      decoupled_(decoupled) {
  check_share(name, "beta1", options_.beta1, at);
  check_share(name, "beta2", options_.beta2, at);
  check_positive(name, "epsilon", options_.epsilon, at);
  check_at_least_0(name, "weight_decay", options_.weight_decay, at);
}

AdamW::AdamW(Tensors parameters, const AdamWOptions& o, Where at)
    : Adam("AdamW", std::move(parameters), {o.rate, o.beta1, o.beta2, o.epsilon, o.weight_decay}, true, at) {}

void Adam::step(const Tensors& grads, Where at) {
  begin(grads, at);
  const CallerScope scope(at);
  const NoGrad guard;
  const AdamOptions& o = options_;
  const bool shrinks = decoupled_ && o.weight_decay != 0;
  const Tensor unbias1 = 1 / (1 - pow(o.beta1, steps)), unbias2 = rsqrt(1 - pow(o.beta2, steps));
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor& p = parameters()[i];
    const DType t = p.dtype();
    const Tensor g = decoupled_ ? grads[i] : with_decay(grads[i], p, o.weight_decay);
    copy_(first_[i], o.beta1 * first_[i] + (1 - o.beta1) * g);
    copy_(roots_[i], hypot(std::sqrt(o.beta2) * roots_[i], std::sqrt(1 - o.beta2) * g));
    const Tensor step_size = (rate * unbias1).to(t);
    const Tensor decayed = shrinks ? p * (1 - rate * o.weight_decay).to(t) : p;
    copy_(p, decayed - step_size * first_[i] / (roots_[i] * unbias2.to(t) + o.epsilon));
  }
}

RMSprop::RMSprop(Tensors parameters, RMSpropOptions options, Where at)
    : Optimiser("RMSprop", std::move(parameters), options.rate, at), roots_(zeros_for_each()), options_(std::move(options)) {
  check_share("RMSprop", "alpha", options_.alpha, at);
  check_share("RMSprop", "momentum", options_.momentum, at);
  check_positive("RMSprop", "epsilon", options_.epsilon, at);
  check_at_least_0("RMSprop", "weight_decay", options_.weight_decay, at);
  if (options_.centred) means_ = zeros_for_each();
  if (options_.momentum != 0) momenta_ = zeros_for_each();
}

void RMSprop::step(const Tensors& grads, Where at) {
  begin(grads, at);
  const CallerScope scope(at);
  const NoGrad guard;
  const RMSpropOptions& o = options_;
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor& p = parameters()[i];
    const Tensor g = with_decay(grads[i], p, o.weight_decay);
    copy_(roots_[i], hypot(std::sqrt(o.alpha) * roots_[i], std::sqrt(1 - o.alpha) * g));
    Tensor size = roots_[i];
    if (o.centred) {
      copy_(means_[i], o.alpha * means_[i] + (1 - o.alpha) * g);
      const Tensor mean = abs(means_[i]);
      size = sqrt(maximum(size - mean, 0)) * sqrt(size + mean);  // of a variance, but for rounding
    }
    Tensor move = g / (size + o.epsilon);
    if (!momenta_.empty()) {
      copy_(momenta_[i], o.momentum * momenta_[i] + move);
      move = momenta_[i];
    }
    copy_(p, p - rate.to(p.dtype()) * move);
  }
}

}  // namespace scoregrad::nn
