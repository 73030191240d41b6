// Denoising over many noise levels: how much each level counts. A weighting multiplies the score's loss L_D(t) = 1/2 |s - t|^2; the losses
// of the literature, in whatever the network predicts, are L_D under these weights.
#pragma once
#include "losses/setup.h"
#include "samplers/schedule.h"

namespace scoregrad::losses {

/// The noise at one time a row.   [n] each
struct NoiseAt {
  Tensor alpha, sigma, diffusion2;
};
template <samplers::NoiseSchedule S>
NoiseAt noise_at(const S& schedule, const Tensor& t, Where at = Where::here()) {
  const CallerScope scope(at);
  return {schedule.alpha(t), schedule.sigma(t), schedule.diffusion2(t)};
}

/// The factor of L_D at each row's noise.   -> [n]
using Weighting = std::function<Tensor(const NoiseAt&)>;
namespace weighting {
/// 1.
Tensor none(const NoiseAt& noise);
/// sigma^2: the error of eps, alike at all levels; NCSN's, and DDPM's "simple" loss.   (Song & Ermon 2019; Ho et al. 2020)
Tensor ncsn(const NoiseAt& noise);
/// g^2: integrated over time the explicit loss is KL(p | m) at the start less KL at the end.   (Song et al. 2021)
Tensor likelihood(const NoiseAt& noise);
/// sigma^2 (sigma^2 + sigma_data^2) / sigma_data^2: that of `edm`.   (Karras et al. 2022)
Weighting edm(double sigma_data = 0.5);
}  // namespace weighting

/// s(x_t, t), row by row.   x_t [n, d], t [n] -> [n, d]
using TimedScore = std::function<Tensor(const Tensor& xt, const Tensor& t)>;

/// weight L_D at each row's time t, for given noise. With t from stratified_times its mean over rows times (stop - start) is the integral
/// over time.   x, eps [n, d], t [n] -> [n]
template <samplers::NoiseSchedule S>
Tensor denoising_over_time(const TimedScore& s, const Tensor& x, const Tensor& eps, const Tensor& t, const S& schedule,
                           const Weighting& weight, Where at = Where::here());
Tensor denoising_at(const TimedScore& s, const Tensor& x, const Tensor& eps, const Tensor& t, const NoiseAt& noise, const Weighting& weight,
                    Where at = Where::here());

/// (1/L) sum over i of sigma_i^2 L_D(sigma_i) at x_t = x + sigma_i eps_i, each row at every level of the ladder; s is called with t =
/// sigma. x [n, d] -> [n]   (Song & Ermon 2019, eq. 6, with the factor 1/2)
Tensor ncsn(const TimedScore& s, const Tensor& x, const std::vector<double>& ladder, const Key& key, Where at = Where::here());

/// 1/2 lambda |D - x|^2 with lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 and the denoiser D(x + sigma eps, sigma).
/// x, eps [n, d], sigma [n] -> [n]   (Karras et al. 2022, with the factor 1/2)
Tensor edm(const TimedScore& denoiser, const Tensor& x, const Tensor& eps, const Tensor& sigma, double sigma_data = 0.5,
           Where at = Where::here());

template <samplers::NoiseSchedule S>
Tensor denoising_over_time(const TimedScore& s, const Tensor& x, const Tensor& eps, const Tensor& t, const S& schedule,
                           const Weighting& weight, Where at) {
  return denoising_at(s, x, eps, t, noise_at(schedule, t, at), weight, at);
}

}  // namespace scoregrad::losses
