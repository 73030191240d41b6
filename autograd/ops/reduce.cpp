// Sums, and broadcasting, which is their transpose.
#include <fmt/format.h>

#include "autograd/ops/axes.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

struct Broadcast {
  static constexpr Primitive primitive = Primitive::broadcast_to;
  Shape to;
  Tensor apply(const Tensor& t) const { return broadcast_to(t, to); }
  Tensor transpose(const Tensor& g, const Shape& operand) const { return sum_to(g, operand); }
};

struct Sum {
  static constexpr Primitive primitive = Primitive::sum;
  Axes axes;
  bool keep;
  std::string attributes() const { return "axes=" + to_string(axes); }
  Tensor apply(const Tensor& t) const { return sum(t, axes, keep); }
  Tensor transpose(const Tensor& g, const Shape& operand) const { return broadcast_to(reshape(g, kept_shape(operand, axes)), operand); }
};

}  // namespace

Tensor sum(Operand operand, const Axes& named, bool keep) {
  const Tensor& x = tensor_of(operand, "sum");
  if (x.dtype() == DType::boolean) throw Error(operand.at, "sum: not defined for bool; use to(int64) to count, or any and all");
  const Axes axes = normal_axes(operand.at, "sum", named, x.rank());
  Tensor y = allocate(operand.at, kept_shape(x.shape(), axes), x.dtype(), x.device());
  if (axes.rank == 0)
    x.backend().call(operand.at, calls::Copy{y.view(), x.view()});
  else
    x.backend().call(operand.at, calls::Reduce{Reduction::sum, y.view(), x.view(), axes});
  if (!keep) {
    const Shape dropped = dropped_shape(x.shape(), axes);
    y.body().shape = dropped;
    y.body().strides = contiguous_strides(dropped);
  }
  return record_linear(Sum{axes, keep}, operand, y);
}

Tensor broadcast_to(Operand operand, const Shape& shape) {
  const Tensor& x = tensor_of(operand, "broadcast_to");
  if (x.shape() == shape) return x;
  check_shape(operand.at, "broadcast_to", shape);
  const Shape &s = x.shape(), joint = broadcast_shapes(operand.at, "broadcast_to", s, shape);
  if (joint != shape) throw Error(operand.at, fmt::format("broadcast_to: {} does not fit into {}", to_string(s), to_string(shape)));
  Strides strides;
  strides.rank = shape.rank;
  const int shift = shape.rank - s.rank;
  for (int i = 0; i < shape.rank; ++i) strides.at[i] = i < shift || s[i - shift] == 1 ? 0 : x.strides()[i - shift];
  return record_linear(Broadcast{shape}, operand, alias(x, shape, strides, x.body().offset));
}

Tensor sum_to(Operand operand, const Shape& shape) {
  const Tensor& x = tensor_of(operand, "sum_to");
  if (x.shape() == shape) return x;
  const int shift = x.rank() - shape.rank;
  Axes axes;
  for (int i = 0; i < x.rank(); ++i)
    if (i < shift || (shape[i - shift] == 1 && x.shape()[i] != 1)) axes.push_back(i);
  return reshape(axes.rank == 0 ? operand : Operand(sum(operand, axes, true), operand.at), shape);
}

}  // namespace scoregrad
