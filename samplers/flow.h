// Samplers without noise: the probability-flow equation dx/dt = f x - (1/2) g^2 s, whose solutions have the diffusion's laws at every time,
// the solvers made for it, and the likelihood that it gives.
#pragma once
#include "samplers/course.h"
#include "samplers/ode.h"

namespace scoregrad::samplers {

/// Integrates the probability flow along the course, in either direction.   (Song et al. 2021)
Samples probability_flow(const NoisyScore& score, const Tensor& x, const Course& course, const Ode& ode = {},
                         const SamplerOptions& options = {}, Where at = Where::here());

/// x' = alpha' x0 + sigma' eps with both predicted from x: Euler's method for x/alpha over sigma/alpha, exact where the denoised x does not
/// change along the way; in either direction.   (Song, Meng & Ermon 2021)
Samples ddim(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options = {}, Where at = Where::here());

/// DPM-Solver++(2M): ddim with the denoised x extrapolated from this step and the one before in log(alpha/sigma), second order at one score
/// a step. The first step, also of a run in pieces, and one that ends at sigma = 0 are ddim's.   (Lu et al. 2022)
Samples dpm_solver(const NoisyScore& score, const Tensor& x, const Course& course, const SamplerOptions& options = {},
                   Where at = Where::here());

/// log p of data under the flow, and where the flow takes them.
struct Likelihood {
  Tensor log_density;       ///< [n]
  Tensor latent;            ///< x at the course's end   [n, d]
  int64_t evaluations = 0;  ///< of score and divergence
};
struct LikelihoodOptions {
  Ode ode = {.method = Method::dormand_prince};
  int64_t probes = 0;           ///< 0: the exact divergence, d sweeps; else Hutchinson's estimate with so many Rademacher probes, the same
                                ///< all the way, which is unbiased for log p
  bool differentiable = false;  ///< gradients flow into x and whatever the score uses
  std::function<bool(double)> progress = {};  ///< as for samplers; a run that is stopped throws Error
  bool compile = true;                        ///< as for samplers
};
/// log p(x) at the course's first time: that of the end by `log_prior`, [n, d] -> [n], plus the integral of div(f x - (1/2) g^2 s) along
/// the way. The course rises.   (Chen et al. 2018; Song et al. 2021)
Likelihood log_likelihood(const NoisyScore& score, const Tensor& x, const Course& course,
                          const std::function<Tensor(const Tensor&)>& log_prior, const Key& key, const LikelihoodOptions& options = {},
                          Where at = Where::here());

}  // namespace scoregrad::samplers
