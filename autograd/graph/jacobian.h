// Whole matrices of derivatives, and the trace that score matching needs. f is called once; every row or column is one sweep over the
// graph it left. With create_graph the results have history: parameters used inside f get gradients through them. What f does not depend
// on gives zeros.
#pragma once
#include "autograd/graph/gradient.h"

namespace scoregrad {

/// dy/dx of y = f(x).   f: [S] -> [T], result [T, S]   Rows by reverse or columns by forward sweeps, whichever are fewer.
Tensors jacobian(const Functions& f, const Tensors& xs, const GradOptions& options = {}, Where at = Where::here());
Tensor jacobian(const Function& f, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

/// The Jacobians of a function that acts on each row by itself.   f: [B, S] -> [B, T], result [B, T, S]   min(|S|, |T|) sweeps for all
/// rows.
Tensor batch_jacobian(const Function& f, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

/// Second derivatives of a scalar function, forward over reverse.   f: [S] -> [], result [S, S]
Tensor hessian(const Function& f, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());

struct ValueAndDivergence {
  Tensor value, divergence;
};
/// f(x) and sum_i df_i/dx_i of each row, exact, in D forward sweeps.   f: [B, D] -> [B, D] row by row, divergence [B]
ValueAndDivergence divergence(const Function& f, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());
/// The same for a y that was computed from a tracked x, row by row.   y, x [B, D] -> [B]
Tensor divergence(const Tensor& y, const Tensor& x, const GradOptions& options = {}, Where at = Where::here());
/// f(x) and Hutchinson's estimate v . J v of the divergence for given probes with E v v' = 1.   v [B, D], or [M, B, D] for a mean over M
/// (Hutchinson 1990)
ValueAndDivergence divergence(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options = {},
                              Where at = Where::here());

}  // namespace scoregrad
