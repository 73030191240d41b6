// The same score in four parametrisations, at x_t = alpha x + sigma eps.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::nn {

/// What a network predicts; losses/parametrisation.h has the losses.
enum class Predicts {
  score,  ///< s
  eps,    ///< the noise, -sigma s
  x0,     ///< the data, (x_t + sigma^2 s) / alpha
  v,      ///< alpha eps - sigma x0, which keeps its size at every noise level   (Salimans & Ho 2022)
};

/// The prediction that a score amounts to. Levels are numbers or tensors that broadcast against x_t.   s, x_t [.., d] -> [.., d]
Tensor prediction(Predicts what, const Tensor& s, const Tensor& xt, Operand alpha, Operand sigma, Where at = Where::here());
/// The score that a prediction amounts to: the inverse of `prediction`.
Tensor score_from(Predicts what, const Tensor& predicted, const Tensor& xt, Operand alpha, Operand sigma, Where at = Where::here());

}  // namespace scoregrad::nn
