// Normalisation: x brought to mean 0 and variance 1 over part of its axes, then scaled and shifted. Layer, group and instance norm are the
// same op on four axes [outer, groups, channels, positions], where the last two are normalised.
#include <fmt/format.h>

#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/ops/pass.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

const Axes within{2, 3};  // the axes of a group

// Of each group [outer, groups, 1, 1]. The mean is counted from the first element: a mean near 1e7 would be rounded to whole numbers.
struct Moments {
  Tensor first, mean, rate;  // rate = 1 / sqrt(var + eps)
};

Tensor average(const Tensor& x) { return mean(x, within, true); }

// A power of two by which deviations are multiplied before they are squared, so small that no square overflows and so large that no square
// is lost which counts beside eps. Without an eps there is no such number.
double unit_of(double eps, DType dtype) {
  const double room = dtype == DType::float32 ? -116 : -1000;
  return eps > 0 ? std::min(1.0, std::exp2(std::floor((room - std::log2(eps)) / 2))) : 1;
}

// y = n w + b with n = (x - mean) rate. The derivative of n is the symmetric map t -> rate (t - mean(t) - n mean(n t)) in each group.
struct NormaliseNode final : RuleNode {
  double eps;
  Saved x, w;
  Moments moments;  // no history: a second derivative recomputes them
  NormaliseNode(const Tensor& y, Where line, double e, const Tensor& operand, const Tensor& weight, Moments m)
      : RuleNode(y, line, Primitive::normalise), eps(e), x(Saved::operand(operand)), w(Saved::operand(weight)), moments(std::move(m)) {}
  std::string attributes() const override { return fmt::format("eps={}", eps); }
  int saved_count() const override { return 5; }

  // Rate and n, with their history while recording.
  std::pair<Tensor, Tensor> normal() const {
    const Tensor v = x.get(*this);
    const Tensor moved = v - moments.first;
    if (!mode.recording) return {moments.rate, (moved - moments.mean) * moments.rate};
    const Tensor centred = moved - average(moved), unit = largest(centred);
    const Tensor rate = rsqrt(average(square(centred / unit)) + eps / square(unit)) / unit;
    return {rate, centred * rate};
  }
  // A power of two of at least 1 by which squares are divided that would overflow; a constant.
  static Tensor largest(const Tensor& centred) {
    const NoGrad plain;
    return centred.numel() == 0 ? ones_like(average(centred)) : maximum(binade(max(abs(centred), within, true)), 1);
  }
  static Tensor map(const Tensor& t, const Tensor& rate, const Tensor& n) { return rate * (t - average(t) - n * average(n * t)); }

  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    if (!mode.recording) return plain_vjp(g, out, wanted);
    const auto [rate, n] = normal();
    if (wanted[0]) out[0] = map(g * w.get(*this), rate, n);
    if (wanted[1]) out[1] = sum(g * n, {3}, true);
    if (wanted[2]) out[2] = sum(g, {3}, true);
  }
  // The same in three passes over g and x: sums over positions serve the weight, the bias and, weighted, the means over the group.
  void plain_vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const {
    const Tensor v = x.get(*this), weight = w.get(*this);
    const auto over_positions = [](const Tensor& t) { return t.extent(3) == 1 ? t : sum(t, {3}, true); };
    const Tensor sum_g = over_positions(g);
    const Tensor sum_gn = over_positions(one_pass(
        at, shape, [](Expr a, Expr b, Expr f, Expr m, Expr r) { return a * ((b - f - m) * r); }, g, v, moments.first, moments.mean,
        moments.rate));
    if (wanted[1]) out[1] = sum_gn;
    if (wanted[2]) out[2] = sum_g;
    if (!wanted[0]) return;
    const double count = static_cast<double>(shape[2] * shape[3]);
    const Tensor mean_g = sum(sum_g * weight, {2}, true) / count, mean_gn = sum(sum_gn * weight, {2}, true) / count;
    out[0] = one_pass(
        at, shape,
        [](Expr a, Expr b, Expr f, Expr m, Expr r, Expr scale, Expr mg, Expr mgn) { return r * (a * scale - mg - (b - f - m) * r * mgn); },
        g, v, moments.first, moments.mean, moments.rate, weight, mean_g, mean_gn);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const auto [rate, n] = normal();
    Tensor total;
    const auto gather = [&](const Tensor& part) { total = total.defined() ? total + part : part; };
    if (t[0].defined()) gather(map(t[0], rate, n) * w.get(*this));
    if (t[1].defined()) gather(n * t[1]);
    if (t[2].defined()) gather(broadcast_to(t[2], shape));
    return total;
  }
};

// x [outer, groups, channels, positions], weight and bias [groups, channels, 1]
Tensor normalised(Where at, const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  Moments m;
  Tensor y;
  {
    const NoGrad plain;
    const double unit = unit_of(eps, x.dtype());
    m.first = first_of(x, within);
    m.mean = average(one_pass(
        at, x.shape(), [](Expr a, Expr first) { return a - first; }, x, m.first));
    m.rate =
        rsqrt(average(one_pass(
                  at, x.shape(), [unit](Expr a, Expr first, Expr mean) { return square((a - first - mean) * unit); }, x, m.first, m.mean)) +
              eps * unit * unit) *
        unit;
    y = one_pass(
        at, x.shape(), [](Expr a, Expr first, Expr mean, Expr r, Expr scale, Expr shift) { return (a - first - mean) * r * scale + shift; },
        x, m.first, m.mean, m.rate, weight, bias);
  }
  return record<NormaliseNode>("normalise", at, y, {&x, &weight, &bias}, eps, x, weight, m);
}

// What is refused by all of them.
const Tensor& checked(const char* op, const Operand& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor& t = tensor_of(x, op);
  if (!(eps >= 0)) throw Error(x.at, fmt::format("{}: eps {} is not a number of at least 0", op, eps));
  if (!is_floating(t.dtype())) throw Error(x.at, fmt::format("{}: not defined for {}; use to(float32)", op, name_of(t.dtype())));
  for (const Tensor* p : {&weight, &bias})
    if (p->dtype() != t.dtype() || p->device() != t.device())
      throw Error(x.at, fmt::format("{}: x of {} on {}, weight or bias of {} on {}; use to()", op, name_of(t.dtype()), name_of(t.device()),
                                    name_of(p->dtype()), name_of(p->device())));
  return t;
}

}  // namespace

Tensor layer_norm(Operand x, Operand weight, Operand bias, double eps) {
  const Tensor &w = tensor_of(weight, "layer_norm"), &b = tensor_of(bias, "layer_norm"), &t = checked("layer_norm", x, w, b, eps);
  bool fits = w.rank() > 0 && w.rank() <= t.rank() && b.shape() == w.shape();
  for (int i = 0; fits && i < w.rank(); ++i) fits = t.shape().back(i) == w.shape().back(i);
  if (!fits)
    throw Error(x.at, fmt::format("layer_norm: weight {} and bias {} must have the last extents of x {}", to_string(w.shape()),
                                  to_string(b.shape()), to_string(t.shape())));
  const CallerScope line(x.at, "layer_norm");
  int64_t leading = 1;
  for (int i = 0; i < t.rank() - w.rank(); ++i) leading *= t.shape()[i];
  const Shape column{1, w.numel(), 1};
  return reshape(normalised(x.at, reshape(x, {leading, 1, w.numel(), 1}), reshape(w, column), reshape(b, column), eps), t.shape());
}

Tensor group_norm(Operand x, int64_t groups, Operand weight, Operand bias, double eps) {
  const Tensor &w = tensor_of(weight, "group_norm"), &b = tensor_of(bias, "group_norm"), &t = checked("group_norm", x, w, b, eps);
  const int64_t channels = t.rank() < 2 ? 0 : t.shape()[1];
  if (t.rank() < 2 || groups < 1 || channels % groups != 0 || w.shape() != Shape{channels} || b.shape() != Shape{channels})
    throw Error(x.at, fmt::format("group_norm: x {} in {} groups with weight {} and bias {}; wanted are x [n, c, ..], weight and bias [c], "
                                  "and a number of groups that divides c",
                                  to_string(t.shape()), groups, to_string(w.shape()), to_string(b.shape())));
  const CallerScope line(x.at, "group_norm");
  int64_t positions = 1;
  for (int i = 2; i < t.rank(); ++i) positions *= t.shape()[i];
  const Shape column{groups, channels / groups, 1};
  const Tensor grouped = reshape(x, {t.shape()[0], groups, channels / groups, positions});
  return reshape(normalised(x.at, grouped, reshape(w, column), reshape(b, column), eps), t.shape());
}

Tensor instance_norm(Operand x, Operand weight, Operand bias, double eps) {
  const Tensor &w = tensor_of(weight, "instance_norm"), &b = tensor_of(bias, "instance_norm"), &t = checked("instance_norm", x, w, b, eps);
  if (t.rank() < 3 || w.shape() != Shape{t.shape()[1]} || b.shape() != Shape{t.shape()[1]})
    throw Error(x.at, fmt::format("instance_norm: x {} with weight {} and bias {}; wanted are x [n, c, ..], weight and bias [c]",
                                  to_string(t.shape()), to_string(w.shape()), to_string(b.shape())));
  return group_norm(x, std::max<int64_t>(1, t.shape()[1]), weight, bias, eps);
}

}  // namespace scoregrad
