// The small score network of the cases and the toy data that it is trained on.
#pragma once
#include <scoregrad.h>

#include "benchmarks/cases/case.h"

namespace bench {

/// The centres of eight clusters in the plane.   [8, 2]
scoregrad::Tensor toy_centres();
/// Points of these clusters with their noise levels and their noise: {x [n, 2], log_sigma [n, 1], eps [n, 2]}.
scoregrad::Tensors draw_toy(const scoregrad::Tensor& centres, int64_t n, const scoregrad::Key& key);
/// log sigma, uniform between log 0.01 and log 5.   [n, 1]
scoregrad::Tensor draw_log_sigma(int64_t n, const scoregrad::Key& key);
/// mean |net(x + sigma eps, log sigma / 4) + eps|^2 for drawn = {x, log_sigma, eps}.
scoregrad::Tensor dsm_loss(const scoregrad::nn::MLP& net, const scoregrad::Tensors& drawn);

/// Weights of a network of these widths, without biases: half of the flops of one product with each, a row.
double weights(const std::vector<int64_t>& widths);
/// Units of its hidden layers.
double hidden(const std::vector<int64_t>& widths);
/// `bytes`, or none where a core's second cache of 2 MB may hold them from step to step.
double uncached(double bytes);

}  // namespace bench
