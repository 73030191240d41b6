#include "nn/optimiser.h"

#include <fmt/format.h>

namespace scoregrad::nn {
namespace {

void check_count(Where at, const char* who, size_t wanted, size_t got) {
  if (wanted != got) throw Error(at, fmt::format("{}: {} tensors for {} parameters", who, got, wanted));
}

// Lives where the parameters do; float64, because 1 - beta^steps cancels.
Tensor counter(const Tensors& parameters, double value) {
  return scalar(value, {float64, parameters.empty() ? cpu : parameters[0].device()});
}

Tensors zeros_for(const Tensors& xs) {
  Tensors out;
  for (const Tensor& x : xs) out.push_back(zeros_like(x));
  return out;
}

}  // namespace

Tensors clipped(const Tensors& grads, double bound, Where at) {
  const NoGrad guard;
  if (grads.empty()) return {};
  Tensor square_sum;
  for (const Tensor& g : grads) {
    const Tensor part = sum(square(Operand(g, at.file, at.line)));
    square_sum = square_sum.defined() ? square_sum + part : part;
  }
  const Tensor factor = minimum(bound * rsqrt(square_sum), 1);
  Tensors out;
  for (const Tensor& g : grads) out.push_back(g * factor);
  return out;
}

Sgd::Sgd(Tensors parameters, SgdOptions options)
    : rate(counter(parameters, options.rate)), parameters_(std::move(parameters)), options_(options) {
  if (options_.momentum != 0) momenta_ = zeros_for(parameters_);
}

void Sgd::step(const Tensors& grads, Where at) {
  check_count(at, "Sgd", parameters_.size(), grads.size());
  const NoGrad guard;
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor& p = parameters_[i];
    Tensor move = grads[i];
    if (!momenta_.empty()) {
      copy_(momenta_[i], options_.momentum * momenta_[i] + move);
      move = momenta_[i];
    }
    copy_(p, p - rate.to(p.dtype()) * move);
  }
}

Adam::Adam(Tensors parameters, AdamOptions options)
    : rate(counter(parameters, options.rate)),
      steps(counter(parameters, 0)),
      parameters_(std::move(parameters)),
      first_(zeros_for(parameters_)),
      second_(zeros_for(parameters_)),
      options_(options) {}

void Adam::step(const Tensors& grads, Where at) {
  check_count(at, "Adam", parameters_.size(), grads.size());
  const NoGrad guard;
  const AdamOptions& o = options_;
  add_(steps, 1);
  const Tensor unbias1 = 1 / (1 - pow(o.beta1, steps)), unbias2 = 1 / (1 - pow(o.beta2, steps));
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor &p = parameters_[i], &g = grads[i];
    const DType t = p.dtype();
    copy_(first_[i], o.beta1 * first_[i] + (1 - o.beta1) * g);
    copy_(second_[i], o.beta2 * second_[i] + (1 - o.beta2) * square(g));
    const Tensor step_size = (rate * unbias1).to(t);
    const Tensor decayed = o.weight_decay == 0 ? p : p * (1 - rate * o.weight_decay).to(t);
    copy_(p, decayed - step_size * first_[i] / (sqrt(second_[i] * unbias2.to(t)) + o.epsilon));
  }
}

Average::Average(const Tensors& parameters, double decay) : decay_(decay) {
  const NoGrad guard;
  for (const Tensor& p : parameters) values.push_back(clone(p));
}

void Average::update(const Tensors& parameters, Where at) {
  check_count(at, "Average", values.size(), parameters.size());
  const NoGrad guard;
  for (size_t i = 0; i < values.size(); ++i) copy_(values[i], decay_ * values[i] + (1 - decay_) * parameters[i]);
}

}  // namespace scoregrad::nn
