// A finite data set as a distribution: its noised law is a mixture with one component a point, and its score a softmax over the points.
#pragma once
#include <optional>

#include "distributions/gaussian.h"

namespace scoregrad::distributions {

/// sum over i of p_i N(points_i, spread^2 I), p = softmax(log_weights). Leading axes are a batch of data sets.
struct FiniteData {
  Tensor points;            ///< [.., n, d]
  Tensor log_weights = {};  ///< [.., n], up to a constant; undefined: equal weights
  Tensor spread = {};       ///< 0-d or one a data set; undefined: 0, which has samples but no density

  int64_t dim() const { return points.extent(-1); }
  int64_t count() const { return points.extent(-2); }
  /// Without spread there is none.
  bool has_log_density() const { return spread.defined(); }
  /// log p_i, normalised.   [.., n]
  Tensor log_probabilities(Where at = Where::here()) const;
  /// Points drawn with their probabilities, plus spread times noise; no gradient reaches the weights. Throws Error for a batch.   [n, d]
  Tensor sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// n indices drawn with the points' probabilities, int64; throws Error for a batch.   [n]
  Tensor sample_index(int64_t n, const Key& key, Where at = Where::here()) const;
  /// x [.., N, d] -> [.., N]
  Tensor log_density(const Tensor& x, Where at = Where::here()) const;
  /// (sum over i of p(i | x) points_i - x) / spread^2.   x [.., N, d] -> [.., N, d]
  Tensor score(const Tensor& x, Where at = Where::here()) const;
  /// p(i | x).   x [.., N, d] -> [.., N, n]
  Tensor posterior(const Tensor& x, Where at = Where::here()) const;
  /// The law of alpha x + sigma eps.
  FiniteData noised(const Number& alpha, const Number& sigma, Where at = Where::here()) const;
  /// The same law with f(t) in the place of each parameter that is defined.
  FiniteData mapped(const Mapping& f) const;
  /// Itself, if the points have no spread.
  std::optional<FiniteData> nodes() const { return spread.defined() ? std::nullopt : std::optional(*this); }
  /// The same law on a named path (Tensor::tag).
  FiniteData tagged(const std::string& label, Where at = Where::here()) const;
  FiniteData detached() const;
};

}  // namespace scoregrad::distributions
