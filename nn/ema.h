// The exponential moving average of parameters, and its use in their place.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::nn {

/// While alive, parameters hold other values; then they get their own back. Do not train meanwhile: what is written is lost.
class Swapped {
 public:
  /// Throws Error, before anything is written, unless there is one value for each parameter, of its shape.
  Swapped(Tensors parameters, const Tensors& values, Where at = Where::here());
  ~Swapped();
  Swapped(const Swapped&) = delete;
  Swapped& operator=(const Swapped&) = delete;

 private:
  Tensors parameters_, own_;
};

struct EMAOptions {
  double decay = 0.999;
  double growth = 0;  ///< g > 0: the decay of step n is (n - 1) / (n - 1 + g) until it reaches `decay`; with 1 a plain mean until then
  bool corrected =
      true;  ///< without growth: weigh by (1 - decay) / (1 - decay^steps), so that where training began has no weight; else start there
};
/// e <- e + (1 - decay) (p - e) after each step, in float64. Several decays are several of them, each a part of the run's state.
class EMA {
 public:
  explicit EMA(Tensors parameters, EMAOptions options = {}, Where at = Where::here());
  /// Takes the parameters' present values in; call it after the optimiser's step.
  void update(Where at = Where::here());
  /// The averages, in the parameters' type; throws Error if there are none yet.
  Tensors values(Where at = Where::here()) const;
  /// Puts the averages in the parameters' place for a scope:  { const auto as_average = ema.swapped(); evaluate(net); }
  [[nodiscard]] Swapped swapped(Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("steps", m.steps_);
    visit("averages", m.averages_);
  }

 private:
  Tensors parameters_, averages_;
  Tensor steps_;
  EMAOptions options_;
};

}  // namespace scoregrad::nn
