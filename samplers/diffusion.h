// Samplers that run a diffusion backwards with noise: the reverse equation, with Langevin corrections, and step by step as an exact
// posterior. Start from the law at the course's first time, nearly N(0, sigma^2 I).
#pragma once
#include "samplers/course.h"

namespace scoregrad::samplers {

/// Euler-Maruyama for the reverse equation dx = (f x - g^2 s) dt + g dw from time t to t' < t:
/// x' = x - (t - t') (f x - g^2 s) + g sqrt(t - t') z.   (Anderson 1982; Song et al. 2021)
Samples reverse_sde(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options = {},
                    Where at = Where::here());

/// Langevin steps of size 4 (snr sigma)^2 after each predictor step. Song et al. measure 2 (snr |z|/|s|)^2, half of it, over the batch;
/// this is its value for noise of deviation sigma, so that particles do not see each other.
struct Corrector {
  int64_t count = 1;
  double snr = 0.16;
};
/// reverse_sde with corrector steps at each time reached.   (Song et al. 2021, algorithm 1)
Samples predictor_corrector(const NoisyScore& score, const Tensor& x, const Course& course, const Corrector& corrector, const Key& key,
                            const SamplerOptions& options = {}, Where at = Where::here());

/// DDPM's step: x_t' drawn from its exact law given x_t and the data, with the denoised x in the data's place. `eta` scales the noise:
/// 1 that of DDPM, 0 none, which is ddim.   (Ho et al. 2020; Song, Meng & Ermon 2021, eq. 12)
Samples ancestral(const NoisyScore& score, const Tensor& x, const Course& course, const Key& key, const SamplerOptions& options = {},
                  double eta = 1, Where at = Where::here());

/// The levels of Karras et al.'s sampler, falling, and its churn: a step starts by adding noise, up to a level higher by the factor
/// 1 + min(churn / steps, sqrt(2) - 1), where `from` <= sigma <= `to`.
struct HeunSteps {
  std::vector<double> sigmas;  ///< Edm::ladder; the last step, to sigma = 0, is added
  double churn = 0, from = 0, to = 1e300, noise = 1;
  bool to_zero = true;  ///< false: stop at the last of the levels
};
/// Heun's method for dx/dsigma = -sigma s with churn; the last step to sigma = 0 is Euler's. The score's level is sigma.
/// (Karras et al. 2022, algorithm 2)
Samples heun(const NoisyScore& score, const Tensor& x, const HeunSteps& steps, const Key& key, const SamplerOptions& options = {},
             Where at = Where::here());

}  // namespace scoregrad::samplers
