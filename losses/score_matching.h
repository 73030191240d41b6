// The losses of score matching, each one value per sample; weighting and mean are the caller's. All carry the factor 1/2 and sum over the
// coordinates. They never broadcast: what is not of the shape that is stated is an Error. Throughout x_t = alpha x + sigma eps, t = grad
// log q(x_t | x) = -eps / sigma, s* = grad log q(x_t | c) and s the model.
#pragma once
#include "losses/setup.h"
#include "nn/mlp.h"

namespace scoregrad::losses {

/// Explicit score matching:  1/2 |s - s*|^2.   s, s* [.., d] -> [..]   (Hyvarinen 2005)
Tensor esm(const Tensor& s, const Tensor& target, Where at = Where::here());
/// Denoising score matching:  1/2 |s + eps / sigma|^2.   s, eps [.., d], sigma > 0 a number, 0-d or [..] -> [..]   (Vincent 2011, eq. 9)
Tensor dsm(const Tensor& s, const Tensor& eps, const Number& sigma, Where at = Where::here());
/// Implicit score matching:  1/2 |s|^2 + div s, the divergence exact by d sweeps. s must have been computed from x_t, row by row, while x_t
/// was tracked. Of a score with kinks the divergence jumps, and the gradient lacks what lies in the jump: its mean is no longer that of
/// ESM. s, x_t [n, d] -> [n]   (Hyvarinen 2005, theorem 1)
Tensor ism(const Tensor& s, const Tensor& xt, Where at = Where::here());
/// The same for a network, whose divergence has a closed form if it is plain (nn/divergence.h).   x_t [n, d] -> [n]
Tensor ism(const nn::MLP& s, const Tensor& xt, Where at = Where::here());
/// Sliced score matching:  1/2 (v.s)^2 + v.(ds/dx_t) v, averaged over the directions. Its mean is ism's if E v v' = I.
/// s, x_t [n, d], v [n, d] or [k, n, d] -> [n]   (Song et al. 2019, eq. 7)
Tensor ssm(const Tensor& s, const Tensor& xt, const Tensor& v, Where at = Where::here());
/// The same with 1/2 |s|^2 for 1/2 (v.s)^2: ism with Hutchinson's trace.   (Song et al. 2019, eq. 8)
Tensor ssm_vr(const Tensor& s, const Tensor& xt, const Tensor& v, Where at = Where::here());

/// Sliced score matching without derivatives, for a step h:  with a = v.s(x_t + h v) and b = v.s(x_t - h v),  (a + b)^2 / 8 + (a - b) / (2
/// h). Within O(h^2) of ssm, and equal for linear scores. s: a function, called once on both.   x_t, v [n, d] -> [n]   (Pang et al. 2020)
Tensor fd_ssm(const Score& s, const Tensor& xt, const Tensor& v, double step, Where at = Where::here());
/// The same from a log-density l [n, d] -> [n], which may lack its constant:  with a = l(x_t + h v) and b = l(x_t - h v),
/// ((a - b)^2 / 8 + a + b - 2 l(x_t)) / h^2. Rounding is divided by h^2 too.   (Pang et al. 2020, eq. 9)
Tensor fd_ssm_energy(const std::function<Tensor(const Tensor&)>& log_density, const Tensor& xt, const Tensor& v, double step,
                     Where at = Where::here());
/// lambda/2 |s|^2: what is sometimes added to DSM against large scores. With lambda = 1 it is the network's plug-in for C2 and takes the
/// bias away only where s follows the law (losses/c2_estimators.h); under a frozen score its gradient has the wrong sign.   [.., d] -> [..]
Tensor score_norm(const Tensor& s, double lambda, Where at = Where::here());

/// 1/2 |s*|^2, whose mean C2 is half the Fisher information of q(. | c).   [.., d] -> [..]
Tensor c2(const Tensor& target, Where at = Where::here());
/// 1/2 |eps / sigma|^2, whose mean is C3 = d / (2 sigma^2).   [.., d] -> [..]
Tensor c3(const Tensor& eps, const Number& sigma, Where at = Where::here());

/// What distillation descends: values without meaning whose gradients through x_t are the methods' own.   [.., d] -> [..]
/// With ds/dx_t kept, score distillation is dsm itself.
/// Score distillation drops ds/dx_t:  -(s - t) dx_t, t = -eps / sigma; the gradient of the cross-entropy of q(x_t) and the model.
/// (Poole et al. 2022)
Tensor sds(const Tensor& s, const Tensor& eps, const Number& sigma, const Tensor& xt, Where at = Where::here());
/// The variational form:  -(s - s*) dx_t; the gradient of KL(q(x_t) | model).   (Wang et al. 2023)
Tensor vsd(const Tensor& s, const Tensor& target, const Tensor& xt, Where at = Where::here());
/// The residual of an inverse problem's prior:  (sigma / alpha) (eps^ - eps) dx at x_t = alpha x + sigma eps, eps^ = -sigma s; the inverse
/// signal-to-noise ratio as weight. Its mean for a point x is sigma^2 (-grad log m)(x), m the model at that level.
/// s, eps, x [.., d] -> [..]   (RED-Diff: Mardani et al. 2023)
Tensor red_diff(const Tensor& s, const Tensor& eps, const Tensor& x, const Number& alpha, const Number& sigma, Where at = Where::here());

}  // namespace scoregrad::losses
