// Noisy encoders c = f(x) + tau eta of data with a known law: the joint law of (x, c) and the exact score of x_t given c.
#pragma once
#include <functional>

#include "distributions/finite.h"

namespace scoregrad::distributions {

/// Data and their conditions, row by row.
struct Joint {
  Tensor x;  ///< [n, d]
  Tensor c;  ///< [n, m]
};

/// x ~ N, c = Phi x + tau eta: everything is Gaussian and in closed form.
struct LinearEncoder {
  Gaussian data;
  Tensor gain;  ///< Phi [m, d], or 0-d for Phi = gain times the identity
  Number tau;

  /// x | c ~ N(offset + c gain', covariance).
  struct Posterior {
    Tensor gain;        ///< K = S Phi' (Phi S Phi' + tau^2 I)^-1   [d, m]
    Tensor offset;      ///< mean - K Phi mean   [d]
    Tensor covariance;  ///< P = S - K Phi S   [d, d]
  };
  Posterior posterior(Where at = Where::here()) const;
  /// Phi as a matrix.   [m, d]
  Tensor matrix(Where at = Where::here()) const;
  Joint sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// s*(x_t, c) = -(alpha^2 P + sigma^2 I)^-1 (x_t - alpha E[x | c]).   x_t [n, d], c [n, m] -> [n, d]
  Tensor score(const Tensor& xt, const Tensor& c, const Number& alpha, const Number& sigma, Where at = Where::here()) const;
  /// The same encoder with data, gain and tau on a named path (Tensor::tag).
  LinearEncoder tagged(const std::string& label, Where at = Where::here()) const;
};

/// x from a finite data set, c = f(x) + tau eta: exact at O(n) a point. tau = 0 keeps the points whose code is nearest to c, which is exact
/// for codes that differ.
struct NoisyEncoder {
  FiniteData data;                              ///< without spread
  std::function<Tensor(const Tensor&)> encode;  ///< f: [n, d] -> [n, m]
  Number tau;

  /// f(points): compute them once and hand them to the functions below.   [n, m]
  Tensor codes() const { return encode(data.points); }
  Joint sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// log p(x_i | c), up to a term in c alone; in float64 for codes of more than 8 numbers.   c [N, m], codes [n, m] -> [N, n]
  Tensor log_weights(const Tensor& c, const Tensor& codes, Where at = Where::here()) const;
  /// p(x_i | x_t, c).   x_t [N, d], c [N, m], codes [n, m] -> [N, n]
  Tensor posterior(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
                   Where at = Where::here()) const;
  /// s*(x_t, c) = (alpha E[x | x_t, c] - x_t) / sigma^2.   x_t [N, d], c [N, m], codes [n, m] -> [N, d]
  Tensor score(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
               Where at = Where::here()) const;
};

}  // namespace scoregrad::distributions
