// The losses of score matching, each one value per sample; weighting and mean are the caller's. All carry the factor 1/2 and sum over the
// coordinates. Throughout x_t = alpha x + sigma eps, t = grad log q(x_t | x) = -eps / sigma, s* = grad log q(x_t | c) and s the model.
#pragma once
#include "autograd/ops/ops.h"
#include "samplers/number.h"

namespace scoregrad::losses {

/// Explicit score matching:  1/2 |s - s*|^2.   s, s* [.., d] -> [..]   (Hyvarinen 2005)
Tensor esm(const Tensor& s, const Tensor& target, Where at = Where::here());
/// Denoising score matching:  1/2 |s + eps / sigma|^2.   s, eps [.., d], sigma a number, 0-d or [..] -> [..]   (Vincent 2011, eq. 9)
Tensor dsm(const Tensor& s, const Tensor& eps, const Number& sigma, Where at = Where::here());
/// Implicit score matching:  1/2 |s|^2 + div s, the divergence exact by d sweeps. s must have been computed from x_t, row by row, while x_t
/// was tracked.   s, x_t [n, d] -> [n]   (Hyvarinen 2005, theorem 1)
Tensor ism(const Tensor& s, const Tensor& xt, Where at = Where::here());
/// Sliced score matching:  1/2 (v.s)^2 + v.(ds/dx_t) v, averaged over the directions. Its mean is ism's if E v v' = I.
/// s, x_t [n, d], v [n, d] or [k, n, d] -> [n]   (Song et al. 2019, eq. 7)
Tensor ssm(const Tensor& s, const Tensor& xt, const Tensor& v, Where at = Where::here());
/// The same with 1/2 |s|^2 for 1/2 (v.s)^2: ism with Hutchinson's trace.   (Song et al. 2019, eq. 8)
Tensor ssm_vr(const Tensor& s, const Tensor& xt, const Tensor& v, Where at = Where::here());

/// 1/2 |s*|^2, whose mean C2 is half the Fisher information of q(. | c).   [.., d] -> [..]
Tensor c2(const Tensor& target, Where at = Where::here());
/// 1/2 |eps / sigma|^2, whose mean is C3 = d / (2 sigma^2).   [.., d] -> [..]
Tensor c3(const Tensor& eps, const Number& sigma, Where at = Where::here());

/// trace of ds/dx_t row by row, exact by d sweeps and differentiable.   s, x_t [n, d] -> [n]
Tensor divergence(const Tensor& s, const Tensor& xt, Where at = Where::here());

/// What distillation descends: values without meaning whose gradients through x_t are the methods' own.   [.., d] -> [..]
/// Score distillation drops ds/dx_t:  -(s - t) dx_t, t = -eps / sigma; the gradient of the cross-entropy of q(x_t) and the model.
/// (Poole et al. 2022)
Tensor sds(const Tensor& s, const Tensor& eps, const Number& sigma, const Tensor& xt, Where at = Where::here());
/// The variational form:  -(s - s*) dx_t; the gradient of KL(q(x_t) | model).   (Wang et al. 2023)
Tensor vsd(const Tensor& s, const Tensor& target, const Tensor& xt, Where at = Where::here());

}  // namespace scoregrad::losses
