// A distribution that the library does not have, as a user writes it.
#pragma once
#include <cmath>
#include <numbers>

#include "distributions/distribution.h"
#include "distributions/push_forward.h"

/// Independent coordinates, uniform between low and high.
struct Uniform {
  scoregrad::Tensor low, high;  // [d]

  int64_t dim() const { return low.extent(0); }
  scoregrad::Tensor sample(int64_t n, const scoregrad::Key& key) const {
    return low + (high - low) * scoregrad::uniform({n, dim()}, key, scoregrad::like(low));
  }
  Uniform mapped(const scoregrad::distributions::Mapping& f) const { return {f(low), f(high)}; }

  // x_t lies `t` from the middle; Phi(u) - Phi(v) of the noise around it reaches the interval.
  struct Noised {
    scoregrad::Tensor middle, half, sigma;
    scoregrad::Tensor u(const scoregrad::Tensor& x) const { return (abs(x - middle) + half) / sigma; }
    scoregrad::Tensor v(const scoregrad::Tensor& x) const { return (abs(x - middle) - half) / sigma; }
    scoregrad::Tensor mass(const scoregrad::Tensor& x) const { return 0.5 * (erfc(std::sqrt(0.5) * v(x)) - erfc(std::sqrt(0.5) * u(x))); }
    scoregrad::Tensor score(const scoregrad::Tensor& x) const {
      const auto bell = [](const scoregrad::Tensor& z) { return std::sqrt(0.5 / std::numbers::pi) * exp(-0.5 * square(z)); };
      return sign(x - middle) * (bell(u(x)) - bell(v(x))) / (sigma * mass(x));
    }
    scoregrad::Tensor log_density(const scoregrad::Tensor& x) const { return sum(log(mass(x) / (2 * half)), {-1}); }
  };
  Noised noised(const scoregrad::Number& alpha, const scoregrad::Number& sigma) const {
    const scoregrad::Tensor a = alpha.like(low);
    return {a * 0.5 * (low + high), a * 0.5 * (high - low), sigma.like(low)};
  }
  scoregrad::Tensor log_density(const scoregrad::Tensor& x) const {
    const scoregrad::Tensor inside = logical_and(x >= low, x <= high);
    return sum(where(inside, -log(high - low), -INFINITY), {-1});
  }
  // In one dimension: low + (high - low) Phi(z) of a standard normal z.
  std::optional<scoregrad::distributions::FiniteData> nodes() const {
    if (dim() != 1) return {};
    const auto g = [&](const scoregrad::Tensor& z) { return low + (high - low) * (0.5 * erfc(-std::sqrt(0.5) * z)); };
    return scoregrad::distributions::push_forward(g, 1, scoregrad::like(low));
  }
};
