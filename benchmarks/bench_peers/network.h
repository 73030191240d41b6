// The small score network of the cases and the toy data that it is trained on.
#pragma once
#include <scoregrad.h>

namespace bench {

/// Eight clusters in the plane, their noise levels and the noise.   x, eps [n, 2], log_sigma [n, 1]
struct Toy {
  scoregrad::Tensor x, log_sigma, eps;
};
/// The centres of the clusters.   [8, 2]
scoregrad::Tensor toy_centres();
Toy draw_toy(const scoregrad::Tensor& centres, int64_t n, const scoregrad::Key& key);
/// log sigma, uniform between log 0.01 and log 5.   [n, 1]
scoregrad::Tensor draw_log_sigma(int64_t n, const scoregrad::Key& key);
/// mean |net(x + sigma eps, log sigma / 4) + eps|^2.
scoregrad::Tensor dsm_loss(const scoregrad::nn::MLP& net, const Toy& d);
/// Exits unless low < loss < high.
void check_range(double loss, double low, double high);

}  // namespace bench
