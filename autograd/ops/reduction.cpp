// Reductions other than sum: products, extremes, running sums.
#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/axes.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

Tensor reduced(Reduction kind, Where at, const Tensor& x, const Axes& axes, bool keep, DType dtype) {
  const Tensor y = allocate(at, kept_shape(x.shape(), axes), dtype, x.device());
  if (axes.rank > 0)
    y.backend().call(at, calls::Reduce{kind, y.view(), x.view(), axes});
  else
    y.backend().call(at, calls::Copy{y.view(), x.view()});  // a 0-d tensor has no axis to reduce
  if (keep) return y;
  const Shape shape = dropped_shape(x.shape(), axes);
  return alias(y, shape, contiguous_strides(shape), 0);
}

// What prod, max and min share: one operand and the axes that were reduced.
struct ReduceNode : RuleNode {
  Axes axes;
  Saved x;
  ReduceNode(const Tensor& y, Where line, Primitive p, const Axes& over, const Tensor& operand)
      : RuleNode(y, line, p), axes(over), x(Saved::operand(operand)) {}
  std::string attributes() const override { return "axes=" + to_string(axes); }
  int saved_count() const override { return 1; }
  // A value of the result's shape against the operand.
  Tensor spread(const Tensor& g) const { return reshape(g, kept_shape(operands()[0]->shape, axes)); }
  // dy_k / dx_i for the k that i was reduced into.
  virtual Tensor slope() const = 0;
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override { out[0] = slope() * spread(g); }
  Tensor jvp(std::span<const Tensor> t) const override { return reshape(sum(slope() * t[0], axes, true), shape); }
};

// The products of all but one element of x [m, n] by halves: an element's others are its partner and its pair's others. No division, so
// zeros do no harm, and products only, so that every derivative exists.
Tensor others(const Tensor& x) {
  const int64_t n = x.shape()[1], half = (n + 1) / 2;
  if (n == 1) return ones_like(x);
  const Tensor a = slice_axis(x, 1, 0, half);
  Tensor b = slice_axis(x, 1, half, n);
  if (n % 2 == 1) b = pad(b, {{}, {0, 1}}, 1);
  const Tensor outer_product = others(a * b);
  return slice_axis(concat({outer_product * b, outer_product * a}, 1), 1, 0, n);
}

struct ProdNode final : ReduceNode {
  using ReduceNode::ReduceNode;
  Tensor slope() const override {
    const Tensor v = x.get(*this);
    if (v.numel() == 0) return v;
    Axes order;  // reduced axes last
    for (int i = 0; i < v.rank(); ++i)
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
    for (int64_t axis : axes) order.push_back(axis);
    Axes back = order;
    for (int i = 0; i < order.rank; ++i) back[static_cast<int>(order[i])] = i;
    const Tensor moved = permute(v, order);
    const int64_t rows = numel(dropped_shape(v.shape(), axes));
    return permute(reshape(others(reshape(moved, {rows, v.numel() / rows})), moved.shape()), back);
  }
};

struct ExtremeNode final : ReduceNode {
  Saved y;
  ExtremeNode(const Tensor& result, Where line, Primitive p, const Axes& over, const Tensor& operand)
      : ReduceNode(result, line, p, over, operand), y(Saved::result(result)) {}
  int saved_count() const override { return 2; }
  // Equal ones share; locally constant, so it needs no history.
  Tensor slope() const override {
    const NoGrad plain;
    const Tensor hit = to(x.get(*this) == spread(y.get(*this)), dtype);
    return hit / sum(hit, axes, true);
  }
};

Tensor extreme(Reduction kind, Primitive p, const Operand& x, const Axes& axes, bool keep) {
  const char* op = name_of(p);
  const Tensor& t = tensor_of(x, op);
  const Axes over = normal_axes(x.at, op, axes, t.rank());
  if (t.dtype() == DType::boolean) throw Error(x.at, fmt::format("{}: not defined for bool; use any() or all()", op));
  for (int64_t axis : over)
    if (t.shape()[static_cast<int>(axis)] == 0)
      throw Error(x.at, fmt::format("{}: axis {} of shape {} has no elements", op, axis, to_string(t.shape())));
  Tensor y = reduced(kind, x.at, t, over, keep, t.dtype());
  return record<ExtremeNode>(op, x.at, std::move(y), {&t}, p, over, t);
}

Tensor place(Reduction kind, const char* op, const Operand& x, int64_t axis, bool keep) {
  const Tensor& t = tensor_of(x, op);
  const Axes over{normal_axis(x.at, op, axis, t.rank())};
  if (t.dtype() == DType::boolean) throw Error(x.at, fmt::format("{}: not defined for bool; use to(int64)", op));
  if (t.shape()[static_cast<int>(over[0])] == 0)
    throw Error(x.at, fmt::format("{}: axis {} of shape {} has no elements", op, over[0], to_string(t.shape())));
  return reduced(kind, x.at, t, over, keep, DType::int64);
}

struct CumSum {
  static constexpr Primitive primitive = Primitive::cumsum;
  int axis;
  std::string attributes() const { return fmt::format("axis={}", axis); }
  Tensor apply(const Tensor& x) const { return cumsum(x, axis); }
  Tensor transpose(const Tensor& g, const Shape&) const { return flip(cumsum(flip(g, {axis}), axis), {axis}); }
};

}  // namespace

Tensor prod(Operand x, const Axes& axes, bool keep) {
  const Tensor& t = tensor_of(x, "prod");
  if (t.dtype() == DType::boolean) throw Error(x.at, "prod: not defined for bool; use all()");
  const Axes over = normal_axes(x.at, "prod", axes, t.rank());
  Tensor y = reduced(Reduction::prod, x.at, t, over, keep, t.dtype());
  return record<ProdNode>("prod", x.at, std::move(y), {&t}, Primitive::prod, over, t);
}

Tensor max(Operand x, const Axes& axes, bool keep) { return extreme(Reduction::max, Primitive::max, x, axes, keep); }
Tensor min(Operand x, const Axes& axes, bool keep) { return extreme(Reduction::min, Primitive::min, x, axes, keep); }
Tensor argmax(Operand x, int64_t axis, bool keep) { return place(Reduction::argmax, "argmax", x, axis, keep); }
Tensor argmin(Operand x, int64_t axis, bool keep) { return place(Reduction::argmin, "argmin", x, axis, keep); }

Tensor cumsum(Operand x, int64_t axis) {
  const Tensor& t = tensor_of(x, "cumsum");
  const int along = normal_axis(x.at, "cumsum", axis, t.rank());
  if (t.dtype() == DType::boolean) throw Error(x.at, "cumsum: not defined for bool; use to(int64)");
  Tensor y = allocate(x.at, t.shape(), t.dtype(), t.device());
  y.backend().call(x.at, calls::CumSum{y.view(), t.view(), along});
  return record_linear(CumSum{along}, x, y);
}

}  // namespace scoregrad
