// Optimisers: each keeps its state and rates in tensors and writes the parameters in place, so that a recorded step sees no host number
// that changes.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::nn {

/// Gradients scaled so that their joint norm is at most `bound`:  g min(1, bound / |g|).
Tensors clipped(const Tensors& grads, double bound, Where at = Where::here());

struct SgdOptions {
  double rate = 0.01, momentum = 0;
};
/// m <- momentum m + g,  p <- p - rate m.
class Sgd {
 public:
  explicit Sgd(Tensors parameters, SgdOptions options = {});
  /// One step; grads in the order of the parameters. Throws Error if their number differs.
  void step(const Tensors& grads, Where at = Where::here());
  Tensor rate;  ///< 0-d float64; write to it to change the rate

 private:
  Tensors parameters_, momenta_;
  SgdOptions options_;
};

struct AdamOptions {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  ///< decoupled: p <- p (1 - rate weight_decay) before the step
};
/// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p <- p - rate m^ / (sqrt(v^) + epsilon), where m^ and v^ are divided by
/// 1 - beta^steps   (Kingma & Ba 2015; weight decay of Loshchilov & Hutter 2019).
class Adam {
 public:
  explicit Adam(Tensors parameters, AdamOptions options = {});
  /// One step; grads in the order of the parameters. Throws Error if their number differs.
  void step(const Tensors& grads, Where at = Where::here());
  Tensor rate, steps;  ///< 0-d float64; write to the rate to change it

 private:
  Tensors parameters_, first_, second_;
  AdamOptions options_;
};

/// A running average of parameters:  e <- decay e + (1 - decay) p.
class Average {
 public:
  explicit Average(const Tensors& parameters, double decay = 0.999);
  void update(const Tensors& parameters, Where at = Where::here());
  Tensors values;

 private:
  double decay_;
};

}  // namespace scoregrad::nn
