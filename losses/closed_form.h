// The losses and their gradients for Gaussian data and an affine score, written out by hand: a route to the theorem that shares nothing
// with sampling, quadrature or automatic differentiation. Throughout x_t = alpha x + sigma eps.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::losses::closed_form {

/// s(x_t, c) = W x_t + V c + u.
struct AffineScore {
  Tensor w;       ///< [d, d]
  Tensor v = {};  ///< [d, m]; undefined without a condition
  Tensor u;       ///< [d]
};
/// The five losses, 0-d each.
struct Values {
  Tensor dsm, esm, ism, c2, c3;
};
/// The gradient in the score's parameters, which DSM, ESM and ISM share.
struct Shared {
  Tensor w, v, u;
};

/// x | c ~ N(A c + b, Sigma(c)) at one c.
struct LinearGaussian {
  Tensor a;                ///< [d, m]
  Tensor b;                ///< [d]
  Tensor c;                ///< [m]
  Tensor covariance;       ///< Sigma(c) [d, d]
  Tensor covariance_by_c;  ///< d Sigma / d c_k [m, d, d]
};
/// Gradients in c by path, [m] each; ISM's are DSM's.
struct Generated {
  Values value;
  Shared theta;
  Tensor net;                   ///< of DSM, ESM and ISM alike: V' r
  Tensor dsm_dist;              ///< a A'W' r + (a^2/2) tr(W'W dSigma)
  Tensor esm_dist, esm_target;  ///< with M = W + S^-1: a A'M' r + (a^2/2) tr(M'M dSigma) and -a A'S^-1 r - a^2 tr(S^-1 M dSigma)
  Tensor c2;                    ///< -(a^2/2) tr(S^-2 dSigma)
  Tensor dsm() const { return net + dsm_dist; }
  Tensor esm() const { return net + esm_dist + esm_target; }
};
/// S = alpha^2 Sigma + sigma^2 I and r = E s.
Generated generated(const AffineScore& s, const LinearGaussian& law, double alpha, double sigma);

/// Gradients in Phi by path, [m, d] each, for x ~ N(0, Sigma), c = Phi x + tau eta.
struct Encoder {
  Values value;
  Shared theta;
  Tensor dsm;  ///< V'(alpha W + V Phi) Sigma
  Tensor c2;   ///< (alpha^2 / tau^2) Phi P S^-2 P
  Tensor esm_net, esm_target_c, esm_target_w;
  Tensor esm() const { return esm_net + esm_target_c + esm_target_w; }
};
/// P is the covariance of x given c and S = alpha^2 P + sigma^2 I.
Encoder encoder(const AffineScore& s, const Tensor& covariance, const Tensor& phi, double tau, double alpha, double sigma);

/// Gradients in the mean and in the factor L of x ~ N(m, L L') under a frozen score without condition.
struct GaussianGradient {
  Tensor mean;    ///< [d]
  Tensor factor;  ///< [d, d]
};
struct Frozen {
  Values value;
  GaussianGradient dsm, esm, c2;
  GaussianGradient esm_detached;  ///< ESM without the path through its target
  GaussianGradient sds, vsd;      ///< score distillation and its variational form
};
Frozen frozen(const AffineScore& s, const Tensor& mean, const Tensor& factor, double alpha, double sigma);

}  // namespace scoregrad::losses::closed_form
