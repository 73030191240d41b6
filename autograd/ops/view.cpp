// Other views of the same bytes: shapes, orders of axes, slices.
#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

struct Reshape {
  static constexpr Primitive primitive = Primitive::reshape;
  Shape to;
  Tensor apply(const Tensor& t) const { return reshape(t, to); }
  Tensor transpose(const Tensor& g, const Shape& operand) const { return reshape(g, operand); }
};

struct Permute {
  static constexpr Primitive primitive = Primitive::permute;
  Axes order;
  std::string attributes() const { return "order=" + to_string(order); }
  Tensor apply(const Tensor& t) const { return permute(t, order); }
  Tensor transpose(const Tensor& g, const Shape&) const {
    Axes back = order;
    for (int i = 0; i < order.rank; ++i) back[static_cast<int>(order[i])] = i;
    return permute(g, back);
  }
};

// Strides of `to` over the same elements, if a view can have them: every group of old axes that forms a group of new ones must be
// contiguous among itself.
bool view_strides(const Shape& from, const Strides& strides, const Shape& to, Strides& out) {
  Shape s;
  Strides t;
  for (int i = 0; i < from.rank; ++i)
    if (from[i] != 1) s.push_back(from[i]), t.push_back(strides[i]);
  out.rank = to.rank;
  int old_end = s.rank, i = to.rank;
  while (i > 0) {
    if (to[i - 1] == 1) {
      out.at[--i] = 1;
      continue;
    }
    int old = old_end, fresh = i;
    int64_t old_size = 1, fresh_size = 1;
    do {
      if (fresh_size <= old_size)
        fresh_size *= to[--fresh];
      else
        old_size *= s[--old];
    } while (old_size != fresh_size || old == old_end);
    for (int k = old; k + 1 < old_end; ++k)
      if (t[k] != t[k + 1] * s[k + 1]) return false;
    int64_t step = t[old_end - 1];
    for (int k = i - 1; k >= fresh; --k) {
      out.at[k] = step;
      step *= to[k];
    }
    old_end = old;
    i = fresh;
  }
  return true;
}

Shape completed(Where at, const Shape& from, const Shape& asked) {
  Shape to = asked;
  int64_t known = 1;
  int open = -1;
  for (int i = 0; i < to.rank; ++i) {
    if (to[i] == -1 && open < 0)
      open = i;
    else if (__builtin_mul_overflow(known, to[i], &known))
      known = 0;  // refused below
  }
  if (open >= 0) to[open] = known > 0 ? numel(from) / known : 0;
  check_shape(at, "reshape", to);
  if (numel(to) != numel(from))
    throw Error(at, fmt::format("reshape: {} to {}: the numbers of elements differ", to_string(from), to_string(asked)));
  return to;
}

}  // namespace

Tensor reshape(Operand operand, const Shape& shape) {
  const Tensor& x = tensor_of(operand, "reshape");
  const Shape to = completed(operand.at, x.shape(), shape);
  if (to == x.shape()) return x;
  Strides strides;
  if (numel(to) == 0)
    strides = contiguous_strides(to);
  else if (!view_strides(x.shape(), x.strides(), to, strides)) {
    const Tensor dense = packed(x);
    return record_linear(Reshape{to}, operand, alias(dense, to, contiguous_strides(to), 0));
  }
  return record_linear(Reshape{to}, operand, alias(x, to, strides, x.body().offset));
}

Tensor permute(Operand operand, const Axes& named) {
  const Tensor& x = tensor_of(operand, "permute");
  if (named.rank != x.rank())
    throw Error(operand.at, fmt::format("permute: order {} for a tensor of shape {}", to_string(named), to_string(x.shape())));
  Axes order = named;
  for (int64_t& a : order) a = normal_axis(operand.at, "permute", a, x.rank());
  normal_axes(operand.at, "permute", order, x.rank());
  Shape shape = x.shape();
  Strides strides = x.strides();
  for (int i = 0; i < order.rank; ++i) {
    shape[i] = x.shape()[static_cast<int>(order[i])];
    strides[i] = x.strides()[static_cast<int>(order[i])];
  }
  return record_linear(Permute{order}, operand, alias(x, shape, strides, x.body().offset));
}

Tensor transpose(Operand x, int64_t a, int64_t b) {
  const int rank = tensor_of(x, "transpose").rank();
  Axes order;
  for (int i = 0; i < rank; ++i) order.push_back(i);
  std::swap(order[normal_axis(x.at, "transpose", a, rank)], order[normal_axis(x.at, "transpose", b, rank)]);
  return permute(x, order);
}

Tensor unsqueeze(Operand x, int64_t axis) {
  const Shape& s = tensor_of(x, "unsqueeze").shape();
  const int at = normal_axis(x.at, "unsqueeze", axis, s.rank + 1);
  check_rank(s.rank + 1, "unsqueeze", x.at);
  Shape to;
  for (int i = 0; i <= s.rank; ++i) {
    if (i == at) to.push_back(1);
    if (i < s.rank) to.push_back(s[i]);
  }
  return reshape(x, to);
}

Tensor squeeze(Operand x, const Axes& axes) {
  const Shape& s = tensor_of(x, "squeeze").shape();
  const Axes drop = normal_axes(x.at, "squeeze", axes, s.rank);
  Shape to;
  for (int i = 0; i < s.rank; ++i) {
    const bool named = std::find(drop.begin(), drop.end(), i) != drop.end();
    if (named && axes.rank > 0 && s[i] != 1) throw Error(x.at, fmt::format("squeeze: axis {} of {} is not one long", i, to_string(s)));
    if (!named || s[i] != 1) to.push_back(s[i]);
  }
  return reshape(x, to);
}

Tensor flatten(Operand x, int64_t first, int64_t last) {
  const Shape& s = tensor_of(x, "flatten").shape();
  if (s.rank == 0) return reshape(x, {1});
  const int from = normal_axis(x.at, "flatten", first, s.rank), to = normal_axis(x.at, "flatten", last, s.rank);
  if (from > to) throw Error(x.at, fmt::format("flatten: axis {} comes after axis {}", from, to));
  Shape out;
  int64_t joined = 1;
  for (int i = 0; i < s.rank; ++i) {
    if (i >= from && i <= to) joined *= s[i];
    if (i < from || i > to) out.push_back(s[i]);
    if (i == to) out.push_back(joined);
  }
  return reshape(x, out);
}

}  // namespace scoregrad
