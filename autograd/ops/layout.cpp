// Ops that move elements into new places: joining, cutting, padding, masks of triangles, copies.
#include <fmt/format.h>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

// Elements start .. start+extent-1 of one axis of y, to be written.
Tensor window(const Tensor& y, int axis, int64_t start, int64_t extent) {
  Shape shape = y.shape();
  shape[axis] = extent;
  return alias(y, shape, y.strides(), y.body().offset + start * y.strides()[axis]);
}

struct ConcatNode final : RuleNode {
  int axis;
  std::vector<int64_t> extents;
  ConcatNode(const Tensor& y, Where line, int along, std::vector<int64_t> pieces)
      : RuleNode(y, line, Primitive::concat), axis(along), extents(std::move(pieces)) {}
  std::string attributes() const override { return fmt::format("axis={}", axis); }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    int64_t start = 0;
    for (size_t i = 0; i < out.size(); start += extents[i], ++i)
      if (wanted[i]) out[i] = slice_axis(g, axis, start, start + extents[i]);
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    Tensors pieces;
    for (size_t i = 0; i < t.size(); ++i) {
      Shape piece = shape;
      piece[axis] = extents[i];
      pieces.push_back(t[i].defined() ? t[i] : zeros(piece, {dtype, device}));
    }
    return concat(pieces, axis);
  }
};

struct Contiguous {
  static constexpr Primitive primitive = Primitive::contiguous;
  Tensor apply(const Tensor& x) const { return x; }
  Tensor transpose(const Tensor& g, const Shape&) const { return g; }
};

// How far right of the main diagonal an element of the last two axes lies: column - row.   [rows, columns], int64
Tensor offset(const Tensor& x, const char* op, Where at) {
  if (x.rank() < 2) throw misfit(at, op, "", "[.., n, m]", x);
  const auto count = [&](int64_t n) { return arange(0, static_cast<double>(n), 1, {int64, x.device()}); };
  return count(x.shape().back(0)) - unsqueeze(count(x.shape().back(1)), 1);
}

}  // namespace

Tensor concat(const Tensors& xs, int64_t axis, Where at) {
  if (xs.empty()) throw Error(at, "concat: no tensors were given");
  const int along = normal_axis(at, "concat", axis, defined(xs[0], "concat", at).rank());
  Shape shape = xs[0].shape();
  std::vector<int64_t> extents;
  shape[along] = 0;
  for (const Tensor& x : xs) {
    bool fits = defined(x, "concat", at).rank() == shape.rank;
    for (int i = 0; fits && i < shape.rank; ++i) fits = i == along || x.shape()[i] == shape[i];
    if (!fits)
      throw misfit(at, "concat", fmt::format("a tensor beside {}", to_string(xs[0].shape())), with_letter(xs[0].shape(), along, "n"), x);
    if (x.dtype() != xs[0].dtype() || x.device() != xs[0].device())
      throw Error(at, fmt::format("concat: operands of {} on {} and {} on {}; use to()", name_of(xs[0].dtype()), name_of(xs[0].device()),
                                  name_of(x.dtype()), name_of(x.device())));
    extents.push_back(x.shape()[along]);
    if (__builtin_add_overflow(shape[along], extents.back(), &shape[along])) shape[along] = INT64_MAX;  // refused below
  }
  check_shape(at, "concat", shape);
  Tensor y = allocate(at, shape, xs[0].dtype(), xs[0].device());
  int64_t start = 0;
  for (size_t i = 0; i < xs.size(); start += extents[i], ++i)
    y.backend().call(at, calls::Copy{window(y, along, start, extents[i]).view(), xs[i].view()});
  return record<ConcatNode>("concat", at, std::move(y), xs, along, std::move(extents));
}

Tensor stack(const Tensors& xs, int64_t axis, Where at) {
  if (xs.empty()) throw Error(at, "stack: no tensors were given");
  const int along = normal_axis(at, "stack", axis, defined(xs[0], "stack", at).rank() + 1);
  check_rank(xs[0].rank() + 1, "stack", at);
  const CallerScope line(at, "stack");
  Tensors pieces;
  for (const Tensor& x : xs) {
    if (defined(x, "stack", at).shape() != xs[0].shape()) throw misfit(at, "stack", "every tensor", xs[0], x);
    pieces.push_back(unsqueeze(x, along));
  }
  return concat(pieces, along, at);
}

Tensors split(Operand x, const std::vector<int64_t>& extents, int64_t axis) {
  const Tensor& t = tensor_of(x, "split");
  const int along = normal_axis(x.at, "split", axis, t.rank());
  int64_t left = t.shape()[along];
  for (int64_t e : extents) left = e < 0 || e > left ? -1 : left - e;
  if (left != 0)
    throw Error(x.at, fmt::format("split: pieces of [{}] along axis {} of {}", fmt::join(extents, ", "), along, to_string(t.shape())));
  Tensors pieces;
  int64_t start = 0;
  for (int64_t e : extents) {
    pieces.push_back(slice_axis(x, along, start, start + e));
    start += e;
  }
  return pieces;
}

Tensor pad(Operand x, const std::vector<Padding>& padding, double value) {
  Tensor y = tensor_of(x, "pad");
  if (static_cast<int>(padding.size()) != y.rank())
    throw Error(x.at, fmt::format("pad: {} paddings for a tensor of shape {}; give one an axis", padding.size(), to_string(y.shape())));
  const CallerScope line(x.at, "pad");
  Operand(value, x.at.file, x.at.line).number(y.dtype(), "pad");  // a fraction does not go into int64
  for (int axis = 0; axis < y.rank(); ++axis) {
    const Padding p = padding[static_cast<size_t>(axis)];
    if (p.before < 0 || p.after < 0) throw Error(x.at, "pad: a padding is negative; use slice_axis() to cut");
    Tensors parts{y};
    Shape block = y.shape();
    if (block[axis] = p.before; p.before > 0) parts.insert(parts.begin(), full(block, value, like(y), x.at));
    if (block[axis] = p.after; p.after > 0) parts.push_back(full(block, value, like(y), x.at));
    if (parts.size() > 1) y = concat(parts, axis, x.at);
  }
  return y;
}

Tensor roll(Operand x, int64_t shift, int64_t axis) {
  const Tensor& t = tensor_of(x, "roll");
  const int along = normal_axis(x.at, "roll", axis, t.rank());
  const int64_t n = t.shape()[along];
  const int64_t cut = n == 0 ? 0 : (n - shift % n) % n;
  if (cut == 0) return t;
  const CallerScope line(x.at, "roll");
  return concat({slice_axis(x, along, cut, n), slice_axis(x, along, 0, cut)}, along, x.at);
}

Tensor tril(Operand x, int64_t diagonal) {
  const Tensor& t = tensor_of(x, "tril");
  const CallerScope line(x.at, "tril");
  return where(offset(t, "tril", x.at) <= diagonal, t, 0);
}

Tensor triu(Operand x, int64_t diagonal) {
  const Tensor& t = tensor_of(x, "triu");
  const CallerScope line(x.at, "triu");
  return where(offset(t, "triu", x.at) < diagonal, 0, t);
}

Tensor contiguous(Operand x) { return tensor_of(x, "contiguous").is_contiguous() ? x.tensor() : clone(x); }

Tensor clone(Operand x) {
  const Tensor& t = tensor_of(x, "clone");
  Tensor y = allocate(x.at, t.shape(), t.dtype(), t.device());
  y.backend().call(x.at, calls::Copy{y.view(), t.view()});
  return record_linear(Contiguous{}, x, y);
}

}  // namespace scoregrad
