// Mixtures of Gaussians.
#pragma once
#include <optional>

#include "distributions/finite.h"

namespace scoregrad::distributions {

/// sum over k of w_k N(mean_k, factor_k factor_k'), w = softmax(log_weights). Leading axes are a batch of mixtures.
struct Mixture {
  Tensor log_weights;  ///< [.., K], up to a constant
  Tensor means;        ///< [.., K, d]
  Tensor factors;      ///< [.., K, d, d]

  int64_t dim() const { return means.extent(-1); }
  int64_t count() const { return means.extent(-2); }
  /// log w_k, normalised.   [.., K]
  Tensor log_probabilities(Where at = Where::here()) const { return log_softmax(Operand(log_weights, at.file, at.line), -1); }
  /// The components as a batch of Gaussians.   [.., K]
  Gaussian components() const { return {means, factors}; }
  /// n samples of each mixture, reparametrised within the component; no gradient reaches the weights, which choose it.   [.., n, d]
  Tensor sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// log sum over k of w_k N(x; mean_k, S_k).   x [.., n, d] -> [.., n]
  Tensor log_density(const Tensor& x, Where at = Where::here()) const;
  /// sum over k of p(k | x) score_k(x).   x [.., n, d] -> [.., n, d]
  Tensor score(const Tensor& x, Where at = Where::here()) const;
  DensityAndScore evaluate(const Tensor& x, Where at = Where::here()) const;
  /// p(k | x).   x [.., n, d] -> [.., n, K]
  Tensor posterior(const Tensor& x, Where at = Where::here()) const;
  /// The law of alpha x + sigma eps. A tensor gives each mixture of the batch its own level.
  Mixture noised(const Number& alpha, const Number& sigma, Where at = Where::here()) const;
  /// The same law with f(t) in the place of each parameter.
  Mixture mapped(const Mapping& f) const { return {f(log_weights), f(means), f(factors)}; }
  /// The same law on a named path (Tensor::tag).
  Mixture tagged(const std::string& label, Where at = Where::here()) const;
  Mixture detached() const;
};

/// The mixture with one component.
Mixture as_mixture(const Gaussian& g, Where at = Where::here());
inline Mixture as_mixture(const Mixture& m) { return m; }
/// One component a point, if the points have a spread.
std::optional<Mixture> as_mixture(const FiniteData& p, Where at = Where::here());

}  // namespace scoregrad::distributions
