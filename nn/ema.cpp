#include "nn/ema.h"

#include <fmt/format.h>

namespace scoregrad::nn {

Swapped::Swapped(Tensors parameters, const Tensors& values, Where at) : parameters_(std::move(parameters)) {
  const NoGrad guard;
  if (values.size() != parameters_.size())
    throw Error(at, fmt::format("Swapped: {} values for {} parameters", values.size(), parameters_.size()));
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i].shape() != parameters_[i].shape())
      throw Error(
          at, fmt::format("Swapped: value {} is {}, its parameter {}", i, to_string(values[i].shape()), to_string(parameters_[i].shape())));
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
  const NoGrad guard;
  for (const Tensor& p : parameters_) averages_.push_back(options_.corrected ? zeros_like(p, at) : clone(Operand(p, at.file, at.line)));
  steps_ = scalar(0, {float64, parameters_[0].device()});
}

void EMA::update(Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  add_(steps_, 1);
  for (size_t i = 0; i < averages_.size(); ++i) copy_(averages_[i], options_.decay * averages_[i] + (1 - options_.decay) * parameters_[i]);
}

Tensors EMA::values(Where at) const {
  const CallerScope scope(at);
  const NoGrad guard;
  Tensors out;
  if (options_.corrected && steps_.item() == 0) throw Error(at, "EMA: nothing was averaged yet; call update() after each step");
  const Tensor unbias = options_.corrected ? 1 / (1 - pow(options_.decay, steps_)) : ones_like(steps_);
  for (const Tensor& e : averages_) out.push_back(options_.corrected ? e * unbias.to(e.dtype()) : clone(e));
  return out;
}

Swapped EMA::swapped(Where at) const { return Swapped(parameters_, values(at), at); }

}  // namespace scoregrad::nn
