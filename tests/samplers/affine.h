// The exact law of a sampler that is affine in the particles and the noise, as all are on a Gaussian: from what it does to a particle at 0,
// to one at 1 and to each unit of noise.
#pragma once
#include <functional>

#include "samplers/sampling.h"

struct LineLaw {
  double slope = 0;  ///< d x_k / d x_0
  double mean = 0, variance = 0;
};

/// The law after each step, the start included, of a sampler on the line that makes so many draws, started from N(mean, variance).
inline std::vector<LineLaw> laws_of(
    const std::function<void(const scoregrad::Tensor& x, const scoregrad::samplers::SamplerOptions&)>& sampler, int64_t draws, double mean,
    double variance) {
  using namespace scoregrad;
  using samplers::SamplerOptions;
  std::vector<double> start(static_cast<size_t>(draws + 2), 0.0);
  start[1] = 1;  // row 0: nothing; row 1: the particle; row 2 + i: the i-th draw
  std::vector<LineLaw> laws{{1, mean, variance}};
  SamplerOptions options;
  options.noise = [](int64_t draw, const Tensor& x) {
    std::vector<double> z(static_cast<size_t>(x.numel()), 0.0);
    z.at(static_cast<size_t>(draw + 2)) = 1;
    return from(z, x.shape(), like(x));
  };
  options.observe = [&](int64_t, const Tensor& x) {
    const std::vector<double> v = x.to_vector<double>();
    LineLaw law{v[1] - v[0], v[0] + (v[1] - v[0]) * mean, (v[1] - v[0]) * (v[1] - v[0]) * variance};
    for (size_t i = 2; i < v.size(); ++i) law.variance += (v[i] - v[0]) * (v[i] - v[0]);
    laws.push_back(law);
  };
  sampler(from(start, {draws + 2, 1}, {.dtype = float64}), options);
  return laws;
}
