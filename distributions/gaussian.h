// Gaussians: samples, densities and scores in closed form, differentiable in mean and factor.
#pragma once
#include <functional>

#include "autograd/ops/number.h"
#include "autograd/ops/random.h"

namespace scoregrad::distributions {

/// What a distribution does to each of its parameters when it is put on a path, detached or moved.
using Mapping = std::function<Tensor(const Tensor& parameter)>;

/// log p(x) and grad_x log p(x).
struct DensityAndScore {
  Tensor log_density, score;
};

/// N(mean, factor factor'). Leading axes are a batch of Gaussians.
struct Gaussian {
  Tensor mean;    ///< [.., d]
  Tensor factor;  ///< [.., d, d], any square root of the covariance; zeros make a point mass, which has samples but no density

  static Gaussian standard(int64_t d, Options options = {}, Where at = Where::here());
  static Gaussian with_covariance(const Tensor& mean, const Tensor& covariance, Where at = Where::here());
  /// Independent coordinates of the given standard deviations.   [.., d]
  static Gaussian diagonal(const Tensor& mean, const Tensor& deviation, Where at = Where::here());

  int64_t dim() const { return mean.extent(-1); }
  Tensor covariance(Where at = Where::here()) const;
  /// mean + factor z: samples from given standard normals.   z [.., n, d] -> [.., n, d]
  Tensor at(const Tensor& z, Where line = Where::here()) const;
  /// n reparametrised samples of each.   [.., n, d]
  Tensor sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// -(1/2) |x - mean|^2_{S^-1} - (1/2) log det(2 pi S).   x [.., n, d] -> [.., n]
  Tensor log_density(const Tensor& x, Where at = Where::here()) const;
  /// -S^-1 (x - mean).   x [.., n, d] -> [.., n, d]
  Tensor score(const Tensor& x, Where at = Where::here()) const;
  /// Both from one whitening.
  DensityAndScore evaluate(const Tensor& x, Where at = Where::here()) const;
  /// The law of alpha x + sigma eps: N(alpha mean, alpha^2 S + sigma^2 I). A tensor gives each Gaussian of the batch its own level.
  Gaussian noised(const Number& alpha, const Number& sigma, Where at = Where::here()) const;
  /// The same law with f(t) in the place of each parameter.
  Gaussian mapped(const Mapping& f) const { return {f(mean), f(factor)}; }
  /// The same law on a named path: gradients through its parameters carry the label (Tensor::tag).
  Gaussian tagged(const std::string& label, Where at = Where::here()) const;
  Gaussian detached() const;
};

}  // namespace scoregrad::distributions
