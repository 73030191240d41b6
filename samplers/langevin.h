// Langevin chains: unadjusted, with Metropolis' correction, and annealed through falling noise levels.
#pragma once
#include <vector>

#include "distributions/gaussian.h"
#include "samplers/sampling.h"

namespace scoregrad::samplers {

/// `count` steps of size e.
struct Steps {
  double size = 0.01;
  int64_t count = 1000;
};

/// Unadjusted Langevin:  x' = x + (e/2) s(x) + sqrt(e) z.   Its law is off by O(e); on a Gaussian see langevin_stationary. Diverges if e is
/// 4 times the smallest variance or more.   x [n, d]
Samples langevin(const ScoreFunction& score, const Tensor& x, const Steps& steps, const Key& key, const SamplerOptions& options = {},
                 Where at = Where::here());

/// The same as a proposal y, accepted with probability min(1, p(y) N(x; m(y), e) / (p(x) N(y; m(x), e))), m(x) = x + (e/2) s(x): the law is
/// exact for any e. `law` gives log p, up to a constant, and its gradient: Mixture::evaluate and the like.   (Roberts & Tweedie 1996)
Samples mala(const std::function<distributions::DensityAndScore(const Tensor& x)>& law, const Tensor& x, const Steps& steps, const Key& key,
             const SamplerOptions& options = {}, Where at = Where::here());

/// Noise levels, falling, and how to stay at each.
struct Annealing {
  std::vector<double> sigmas;
  double step = 2e-5;    ///< e at the last level; at level i it is e (sigma_i / sigma_last)^2
  int64_t count = 100;   ///< steps at each level
  bool denoise = false;  ///< end with the mean of the data given x, x + sigma_last^2 s
  double size(size_t level) const { return step * (sigmas[level] / sigmas.back()) * (sigmas[level] / sigmas.back()); }
};
/// Langevin steps at each noise level in turn; the score is that of data + sigma eps. Start from N(0, sigma_first^2 I).
/// (Song & Ermon 2019, algorithm 1; the last denoising: Jolicoeur-Martineau et al. 2021)
Samples annealed_langevin(const NoisyScore& score, const Tensor& x, const Annealing& levels, const Key& key,
                          const SamplerOptions& options = {}, Where at = Where::here());

/// The law that unadjusted Langevin with steps of size e keeps on a Gaussian:  N(mean, S (I - (e/4) S^-1)^-1). Throws Error where the chain
/// diverges, that is unless e < 4 times the smallest variance.
distributions::Gaussian langevin_stationary(const distributions::Gaussian& target, double step, Where at = Where::here());
/// What share of proposals mala accepts on N(0, 1):  (2/pi) (atan(sqrt(e)/2) + atan((4 - e) / (2 sqrt(e)))).
double mala_acceptance(double step, Where at = Where::here());

}  // namespace scoregrad::samplers
