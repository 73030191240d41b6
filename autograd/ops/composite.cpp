// Ops made of other ops: no rule of their own, the chain rule does the rest.
#include <fmt/format.h>

#include <cmath>

#include "autograd/graph/mode.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

const Tensor& floating(const Operand& x, const char* op) {
  const Tensor& t = tensor_of(x, op);
  if (!is_floating(t.dtype())) throw Error(x.at, fmt::format("{}: not defined for {}; use to(float32)", op, name_of(t.dtype())));
  return t;
}

double count_of(const Tensor& x, const Axes& axes) {
  int64_t n = 1;
  for (int64_t axis : axes) n *= x.shape()[static_cast<int>(axis)];
  return static_cast<double>(n);
}

// The largest element over `axes`, kept, as a constant, and 0 for a row of -inf. gap(x, peak) then keeps the other infinities: what is as
// large as an infinite peak is 0, the rest -inf.
Tensor peak(const Tensor& x, const Axes& axes) {
  const NoGrad plain;
  if (x.numel() == 0) return sum(x, axes, true);
  const Tensor m = max(x, axes, true);
  return where(m == -INFINITY, 0, m);
}

}  // namespace

Tensor first_of(const Tensor& x, const Axes& axes) {
  const NoGrad plain;
  if (x.numel() == 0) return sum(x, axes, true);
  Tensor first = x.detach();
  for (int64_t axis : axes) first = slice_axis(first, axis, 0, 1);
  return first;
}

Tensor mean(Operand x, const Axes& axes, bool keep) {
  const Tensor& t = floating(x, "mean");
  const Axes over = normal_axes(x.at, "mean", axes, t.rank());
  const CallerScope line(x.at, "mean");
  return sum(x, over, keep) / count_of(t, over);
}

namespace {

// x less its mean. Counted from one of its own elements x is exact where all lie close together; the mean itself would be rounded.
Tensor centred(const Operand& x, const Tensor& t, const Axes& over) {
  const Tensor moved = t - first_of(t, over);
  return moved - mean(Operand(moved, x.at), over, true);
}

}  // namespace

Tensor var(Operand x, const Axes& axes, int64_t correction, bool keep) {
  const Tensor& t = floating(x, "var");
  const Axes over = normal_axes(x.at, "var", axes, t.rank());
  const CallerScope line(x.at, "var");
  return sum(square(centred(x, t, over)), over, keep) / std::max(0.0, count_of(t, over) - static_cast<double>(correction));
}

Tensor stddev(Operand x, const Axes& axes, int64_t correction, bool keep) {
  const Tensor& t = floating(x, "stddev");
  const Axes over = normal_axes(x.at, "stddev", axes, t.rank());
  const CallerScope line(x.at, "stddev");
  return norm(centred(x, t, over), over, keep) / std::sqrt(std::max(0.0, count_of(t, over) - static_cast<double>(correction)));
}

// A row of -inf has the value -inf; the selects give it the gradient 0.
Tensor logsumexp(Operand x, const Axes& axes, bool keep) {
  const Tensor& t = floating(x, "logsumexp");
  const Axes over = normal_axes(x.at, "logsumexp", axes, t.rank());
  const CallerScope line(x.at, "logsumexp");
  const Tensor m = peak(t, over), s = sum(exp(gap(t, m)), over, keep), none = s == 0;
  const Tensor shift = keep ? m : reshape(m, s.shape());
  return log(where(none, 1, s)) + where(none, -INFINITY, shift);
}

Tensor any(Operand x, const Axes& axes, bool keep) {
  if (tensor_of(x, "any").dtype() != DType::boolean) throw Error(x.at, "any: needs a bool tensor");
  const CallerScope line(x.at, "any");
  return sum(Operand(to(x, int64), x.at), axes, keep) > 0;
}

Tensor all(Operand x, const Axes& axes, bool keep) {
  if (tensor_of(x, "all").dtype() != DType::boolean) throw Error(x.at, "all: needs a bool tensor");
  const CallerScope line(x.at, "all");
  return sum(Operand(to(logical_not(x), int64), x.at), axes, keep) == 0;
}

Tensor clamp(Operand x, Operand lo, Operand hi) {
  const Tensor& t = tensor_of(x, "clamp");
  const CallerScope line(x.at, "clamp");
  if (lo.is_number() && hi.is_number()) {
    const double a = lo.number(t.dtype(), "clamp").f, b = hi.number(t.dtype(), "clamp").f;  // a fraction does not go into int64
    if (!(a <= b)) throw Error(x.at, fmt::format("clamp: the bounds {} and {} leave nothing between them", a, b));
  }
  const Tensor raised = where(lt(t, lo), lo, t);
  return where(gt(raised, hi), hi, raised);
}

Tensor leaky_relu(Operand x, double slope) {
  const Tensor& t = floating(x, "leaky_relu");
  const CallerScope line(x.at, "leaky_relu");
  return where(t > 0, t, t * slope);
}

// Positive x stays out of expm1, whose overflow would meet the select's 0 in the gradient.
Tensor elu(Operand x, double alpha) {
  const Tensor& t = floating(x, "elu");
  const CallerScope line(x.at, "elu");
  const Tensor positive = t > 0;
  return where(positive, t, expm1(where(positive, 0, t)) * alpha);
}

Tensor softmax(Operand x, int64_t axis) {
  const Tensor& t = floating(x, "softmax");
  const Axes over{normal_axis(x.at, "softmax", axis, t.rank())};
  const CallerScope line(x.at, "softmax");
  const Tensor e = exp(gap(t, peak(t, over)));
  return e / sum(e, over, true);
}

Tensor log_softmax(Operand x, int64_t axis) {
  const Tensor& t = floating(x, "log_softmax");
  const Axes over{normal_axis(x.at, "log_softmax", axis, t.rank())};
  const CallerScope line(x.at, "log_softmax");
  const Tensor shifted = gap(t, peak(t, over));
  return shifted - log(sum(exp(shifted), over, true));
}

Tensor outer(Operand a, Operand b) {
  const Tensor &s = tensor_of(a, "outer"), &t = tensor_of(b, "outer");
  if (s.rank() != 1 || t.rank() != 1) throw misfit(a.at, "outer", "", "[n] and [m]", extents_of({s, t}));
  const CallerScope line(a.at, "outer");
  return mul(Operand(unsqueeze(s, 1), a.at), t);
}

Tensor dot(Operand a, Operand b) {
  const Tensor &s = tensor_of(a, "dot"), &t = tensor_of(b, "dot");
  if (s.rank() == 0 || t.rank() == 0 || s.extent(-1) != t.extent(-1))
    throw misfit(a.at, "dot", "", "[.., n] and [.., n]", extents_of({s, t}));
  const CallerScope line(a.at, "dot");
  return sum(mul(a, t), {-1});
}

Tensor trace(Operand x) {
  const CallerScope line(x.at, "trace");
  return sum(diagonal(x), {-1});
}

}  // namespace scoregrad
