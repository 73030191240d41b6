// The same score in four parametrisations. Each loss is 1/2 |prediction - target|^2 and equals a factor times the denoising loss of the
// score, so every bias scales along and no parametrisation escapes it.
#pragma once
#include "losses/score_matching.h"
#include "nn/parametrisation.h"

namespace scoregrad::losses {

/// Targets and factors:  score: -eps / sigma, 1;  eps: eps, sigma^2;  x0: x, sigma^4 / alpha^2;  v: alpha eps - sigma x,
/// sigma^2 (alpha^2 + sigma^2)^2 / alpha^2.
using nn::Predicts;

/// Noise levels of a batch: numbers, 0-d tensors or one a row.
struct Level {
  Number alpha = 1, sigma = 1;
};

/// The prediction that a score amounts to.   s, x_t [.., d] -> [.., d]
Tensor prediction(Predicts what, const Tensor& s, const Tensor& xt, const Level& level, Where at = Where::here());
/// The score that a prediction amounts to: the inverse of `prediction`.
Tensor score_from(Predicts what, const Tensor& predicted, const Tensor& xt, const Level& level, Where at = Where::here());
/// What the prediction is compared with.   x, eps [.., d] -> [.., d]
Tensor target_of(Predicts what, const Tensor& x, const Tensor& eps, const Level& level, Where at = Where::here());
/// 1/2 |predicted - target|^2.   [.., d] -> [..]
Tensor denoising(Predicts what, const Tensor& predicted, const Tensor& x, const Tensor& eps, const Level& level, Where at = Where::here());
/// The factor by which `denoising` exceeds `dsm` of the same score; divide by it to make them equal.
double factor(Predicts what, double alpha, double sigma);

}  // namespace scoregrad::losses
