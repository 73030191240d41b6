// Normalisation: x brought to mean 0 and variance 1 over part of its axes, then scaled and shifted. Layer, group and instance norm are the
// same op on four axes [outer, groups, channels, positions], where the last two are normalised.
#include <fmt/format.h>

#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/ops/pass.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

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

// n of an element, and the derivative of n, which is a symmetric map of each group. Both are read by tensors and as a program.
constexpr auto standard = [](const auto& x, const auto& first, const auto& mean, const auto& rate) { return (x - first - mean) * rate; };
constexpr auto slope = [](const auto& t, const auto& n, const auto& rate, const auto& mean_t, const auto& mean_nt) {
  return rate * (t - mean_t - n * mean_nt);
};
// An expression of tensors while recording; else in one pass.
template <class F, class... T>
Tensor each(Where at, const Shape& shape, F expression, const T&... operands) {
  return mode.recording ? expression(operands...) : one_pass(at, shape, expression, operands...);
}

// y = n w + b with n = (x - mean) rate.
struct NormaliseNode final : RuleNode {
  double eps;
  Saved x, w;
  Moments saved;  // no history
  NormaliseNode(const Tensor& y, Where line, double e, const Tensor& operand, const Tensor& weight, Moments m)
      : RuleNode(y, line, Primitive::normalise), eps(e), x(Saved::operand(operand)), w(Saved::operand(weight)), saved(std::move(m)) {}
  std::string attributes() const override { return fmt::format("eps={}", eps); }
  int saved_count() const override { return 5; }

  // With their history while recording: computed again, in a scale that suits derivatives too.
  Moments moments(const Tensor& v) const {
    if (!mode.recording) return saved;
    const Tensor moved = v - saved.first, mean = average(moved), unit = largest(moved - mean);
    return {saved.first, mean, rsqrt(average(square((moved - mean) / unit)) + eps / square(unit)) / unit};
  }
  // A power of two of at least 1 by which squares are divided that would overflow; a constant.
  static Tensor largest(const Tensor& centred) {
    const NoGrad plain;
    return centred.numel() == 0 ? ones_like(average(centred)) : maximum(binade(max(abs(centred), within, true)), 1);
  }

  // Sums over positions serve the weight, the bias and, weighted, the means over the group: three passes over g and x.
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    const Tensor v = x.get(*this), weight = w.get(*this);
    const Moments m = moments(v);
    const auto over_positions = [](const Tensor& t) { return t.extent(3) == 1 ? t : sum(t, {3}, true); };
    const Tensor sum_g = over_positions(g);
    const auto times_n = [](const auto& a, const auto&... of_n) { return a * standard(of_n...); };
    const Tensor sum_gn = over_positions(each(at, shape, times_n, g, v, m.first, m.mean, m.rate));
    if (wanted[1]) out[1] = sum_gn;
    if (wanted[2]) out[2] = sum_g;
    if (!wanted[0]) return;
    const double count = static_cast<double>(shape[2] * shape[3]);
    const Tensor mean_g = sum(sum_g * weight, {2}, true) / count, mean_gn = sum(sum_gn * weight, {2}, true) / count;
    const auto to_x = [](const auto& a, const auto& scale, const auto& mean_a, const auto& mean_an, const auto& b, const auto& first,
                         const auto& mean,
                         const auto& rate) { return slope(a * scale, standard(b, first, mean, rate), rate, mean_a, mean_an); };
    out[0] = each(at, shape, to_x, g, weight, mean_g, mean_gn, v, m.first, m.mean, m.rate);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const Tensor v = x.get(*this);
    const Moments m = moments(v);
    const Tensor n = each(at, shape, standard, v, m.first, m.mean, m.rate);
    Tensor total;
    const auto gather = [&](const Tensor& part) { total = total.defined() ? total + part : part; };
    if (t[0].defined()) gather(slope(t[0], n, m.rate, average(t[0]), average(n * t[0])) * w.get(*this));
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
    const auto scaled = [](Expr a, Expr first, Expr mean, Expr r, Expr scale, Expr shift) {
      return standard(a, first, mean, r) * scale + shift;
    };
    y = one_pass(at, x.shape(), scaled, x, m.first, m.mean, m.rate, weight, bias);
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
    throw misfit(x.at, "layer_norm", fmt::format("weight and bias beside x {}", to_string(t.shape())), "the last extents of x",
                 extents_of({w, b}));
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
    throw misfit(x.at, "group_norm", "x, weight and bias", "[n, c, ..], [c] and [c]", extents_of({t, w, b}),
                 fmt::format("{} groups must divide c", groups));
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
    throw misfit(x.at, "instance_norm", "x, weight and bias", "[n, c, ..], [c] and [c]", extents_of({t, w, b}));
  return group_norm(x, std::max<int64_t>(1, t.shape()[1]), weight, bias, eps);
}

}  // namespace scoregrad
