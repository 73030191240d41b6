#include "losses/weighting.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "losses/demand.h"
#include "losses/score_matching.h"

namespace scoregrad::losses {
namespace {

void check_data_level(const char* op, double sigma_data, Where at) {
  if (!(sigma_data > 0)) throw Error(at, fmt::format("{}: data of standard deviation {}; it must be positive", op, sigma_data));
}
Tensor column(const Tensor& level) { return unsqueeze(level, 1); }

}  // namespace

namespace weighting {

Tensor none(const NoiseAt& noise) { return ones_like(noise.sigma); }
Tensor ncsn(const NoiseAt& noise) { return square(noise.sigma); }
Tensor likelihood(const NoiseAt& noise) { return noise.diffusion2; }
Weighting edm(double sigma_data) {
  check_data_level("weighting::edm", sigma_data, Where::here());
  return [v = sigma_data * sigma_data](const NoiseAt& noise) {
    const Tensor s2 = square(noise.sigma);
    return s2 * (s2 + v) / v;
  };
}

}  // namespace weighting

Tensor denoising_at(const TimedScore& s, const Tensor& x, const Tensor& eps, const Tensor& t, const NoiseAt& noise, const Weighting& weight,
                    Where at) {
  const CallerScope scope(at);
  if (x.rank() != 2 || eps.shape() != x.shape() || t.shape() != Shape{x.extent(0)})
    throw misfit(at, "denoising", "x, eps and t", "[n, d], [n, d] and [n]", extents_of({x, eps, t}));
  demand_shape("denoising", {"alpha", noise.alpha}, t.shape(), at);
  demand_shape("denoising", {"sigma", noise.sigma}, t.shape(), at);
  const Tensor xt = column(noise.alpha) * x + column(noise.sigma) * eps, factor = weight(noise);
  demand_shape("denoising", {"the weighting", factor}, t.shape(), at);
  return factor * dsm(s(xt, t), eps, noise.sigma, at);
}

Tensor ncsn(const TimedScore& s, const Tensor& x, const std::vector<double>& ladder, const Key& key, Where at) {
  const CallerScope scope(at);
  if (ladder.empty()) throw Error(at, "ncsn: no noise levels");
  Tensor total;
  for (size_t i = 0; i < ladder.size(); ++i) {
    const Tensor sigma = full({x.extent(0)}, ladder[i], like(x)), eps = normal(x.shape(), key.fold(i), like(x));
    const Tensor one = denoising_at(s, x, eps, sigma, {ones_like(sigma), sigma, 2 * sigma}, weighting::ncsn, at);
    total = total.defined() ? total + one : one;
  }
  return total / static_cast<double>(ladder.size());
}

Tensor edm(const TimedScore& denoiser, const Tensor& x, const Tensor& eps, const Tensor& sigma, double sigma_data, Where at) {
  const CallerScope scope(at);
  check_data_level("edm", sigma_data, at);
  demand_alike("edm", {{"x", x}, {"eps", eps}}, at);
  demand_shape("edm", {"sigma", sigma}, {x.extent(0)}, at);
  const Tensor weight = (square(sigma) + sigma_data * sigma_data) / square(sigma * sigma_data);
  const Tensor denoised = denoiser(x + column(sigma) * eps, sigma);
  demand_shape("edm", {"the denoiser's value", denoised}, x.shape(), at);
  return 0.5 * weight * sum(square(denoised - x), {-1});
}

}  // namespace scoregrad::losses
