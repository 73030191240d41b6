#include "nn/ema.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

Swapped::Swapped(Tensors parameters, const Tensors& values, Where at) : parameters_(std::move(parameters)) {
  const NoGrad guard;
  if (values.size() != parameters_.size())
    throw Error(at, fmt::format("Swapped: {} values for {} parameters", values.size(), parameters_.size()));
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].shape() != parameters_[i].shape()) throw misfit(at, "Swapped", fmt::format("value {}", i), parameters_[i], values[i]);
  for (const Tensor& p : parameters_) own_.push_back(clone(p));
  for (size_t i = 0; i < values.size(); ++i) copy_(parameters_[i], values[i]);
}

Swapped::~Swapped() {
  const NoGrad guard;
  for (size_t i = 0; i < own_.size(); ++i) copy_(parameters_[i], own_[i]);
}

EMA::EMA(Tensors parameters, EMAOptions options, Where at) : parameters_(std::move(parameters)), options_(options) {
  if (parameters_.empty()) throw Error(at, "EMA: no parameters; do those of the module require a gradient?");
  if (!(options_.decay >= 0 && options_.decay < 1)) throw Error(at, fmt::format("EMA: the decay {} is not in [0, 1)", options_.decay));
  if (!(options_.growth >= 0) || !std::isfinite(options_.growth)) throw Error(at, fmt::format("EMA: a growth of {}", options_.growth));
  const NoGrad guard;
  // float64 whatever the parameters are: at a decay of .9999 float32 would drop every move below 3e-4 of the value.
  for (const Tensor& p : parameters_)
    averages_.push_back(options_.corrected ? zeros(p.shape(), {float64, p.device()}, at) : clone(p.to(float64, at)));
  steps_ = scalar(0, {float64, parameters_[0].device()});
}

void EMA::update(Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  add_(steps_, 1);
  const auto weight_of_step = [&]() -> Tensor {
    if (options_.growth > 0) return maximum(options_.growth / (steps_ - 1 + options_.growth), 1 - options_.decay);
    return options_.corrected ? (1 - options_.decay) / (1 - pow(options_.decay, steps_)) : scalar(1 - options_.decay, like(steps_));
  };
  const Tensor weight = weight_of_step();
  for (size_t i = 0; i < averages_.size(); ++i) copy_(averages_[i], averages_[i] + weight * (parameters_[i].to(float64) - averages_[i]));
}

Tensors EMA::values(Where at) const {
  const CallerScope scope(at);
  const NoGrad guard;
  if (options_.corrected && steps_.item() == 0) throw Error(at, "EMA: nothing was averaged yet; call update() after each step");
  Tensors out;
  for (size_t i = 0; i < averages_.size(); ++i) {
    const DType t = parameters_[i].dtype();
    out.push_back(t == float64 ? clone(averages_[i]) : averages_[i].to(t));
  }
  return out;
}

Swapped EMA::swapped(Where at) const { return Swapped(parameters_, values(at), at); }

}  // namespace scoregrad::nn
