// Convolutions. The three parts are the partial derivatives of one trilinear form <y, x * w>, so each part's rule is the other two.
#include <fmt/format.h>

#include "autograd/backend/call_names.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

using Part = ConvolutionPart;

Tensor computed(const char* op, Where at, Part part, const Tensor& a, const Tensor& b, const Shape& shape, const Convolution& geometry);

struct ConvolutionNode final : RuleNode {
  Part part;
  Convolution geometry;
  Saved a, b;
  ConvolutionNode(const Tensor& y, Where line, Part p, const Convolution& g, const Tensor& left, const Tensor& right)
      : RuleNode(y, line, Primitive::convolution), part(p), geometry(g) {
    if (right.tracked()) a = Saved::operand(left);
    if (left.tracked()) b = Saved::operand(right);
  }
  int saved_count() const override { return (a ? 1 : 0) + (b ? 1 : 0); }
  std::string attributes() const override {
    const auto pair = [](const int64_t(&v)[2]) { return to_string(Dims{v[0], v[1]}); };
    return fmt::format("part={} stride={} padding={} dilation={} groups={}", name_of(part), pair(geometry.stride), pair(geometry.before),
                       pair(geometry.dilation), geometry.groups);
  }
  Tensor other(Part p, const Tensor& first, const Tensor& second, const Shape& to) const {
    return computed("convolution", at, p, first, second, to, geometry);
  }

  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    const bool second = wanted.size() > 1 && wanted[1];
    if (wanted[0]) {
      const Shape& to = operands()[0]->shape;
      const Tensor w = b.get(*this);  // of part `weight` it is y
      out[0] = part == Part::forward ? other(Part::input, g, w, to)
               : part == Part::input ? other(Part::forward, g, w, to)
                                     : other(Part::input, w, g, to);
    }
    if (second) {
      const Shape& to = operands()[1]->shape;
      const Tensor x = a.get(*this);  // of part `input` it is y
      out[1] = part == Part::forward ? other(Part::weight, x, g, to)
               : part == Part::input ? other(Part::weight, g, x, to)
                                     : other(Part::forward, x, g, to);
    }
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    Tensor sum;
    if (t[0].defined()) sum = other(part, t[0], b.get(*this), shape);
    if (t.size() > 1 && t[1].defined()) {
      const Tensor more = other(part, a.get(*this), t[1], shape);
      sum = sum.defined() ? add(sum, more) : more;
    }
    return sum;
  }
};

Tensor computed(const char* op, Where at, Part part, const Tensor& a, const Tensor& b, const Shape& shape, const Convolution& geometry) {
  const Tensor y = allocate(at, shape, a.dtype(), a.device());
  if (!y.backend().has<calls::Convolve>())
    throw Error(at, fmt::format("{}: the backend of {} computes no convolutions", op, name_of(a.device())));
  y.backend().call(at, calls::Convolve{part, y.view(), a.view(), b.view(), geometry});
  return record<ConvolutionNode>("convolution", at, y, {&a, &b}, part, geometry, a, b);
}

// A public op on its way to four axes: checks what all of them share, and says what is wrong in terms of the caller's shapes.
struct Convolved {
  const char* op;
  Where at;
  int axes;  // spatial: 1 or 2
  Shape x, w;
  Convolution geometry;
  int64_t after[2];

  Convolved(const char* name, int spatial, const Operand& ox, const Operand& ow, const ConvOptions& o)
      : op(name), at(ox.at), axes(spatial) {
    const Tensor &t = tensor_of(ox, op), &k = tensor_of(ow, op);
    x = t.shape(), w = k.shape();
    if (!is_floating(t.dtype()) || t.dtype() != k.dtype())
      throw Error(at, fmt::format("{}: x of {} and weight of {}; both must be float32 or both float64", op, name_of(t.dtype()),
                                  name_of(k.dtype())));
    if (t.device() != k.device())
      throw Error(at, fmt::format("{}: x on {} and weight on {}; use to(device)", op, name_of(t.device()), name_of(k.device())));
    if (x.rank != axes + 2 || w.rank != axes + 2)
      throw misfit(at, op, "x and weight", axes == 1 ? "[n, c, l] and [o, c, k]" : "[n, c, h, w] and [o, c, kh, kw]", extents_of({t, k}));
    geometry.groups = o.groups;
    read(geometry.stride, o.stride, 1, 1, "stride");
    read(geometry.before, o.padding, 0, 0, "padding");
    read(after, o.padding_after.rank == 0 ? o.padding : o.padding_after, 0, 0, "padding_after");
    read(geometry.dilation, o.dilation, 1, 1, "dilation");
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(at, fmt::format("{}: x {} and weight {}: {}", op, to_string(x), to_string(w), why));
  }
  /// One number an axis into the last `axes` of two; the first of one axis gets `otherwise`.
  void read(int64_t (&to)[2], const PerAxis& from, int64_t least, int64_t otherwise, const char* what) const {
    if (from.rank != 1 && from.rank != axes)
      refuse(fmt::format("{} {} has {} entries for {} axes", what, to_string(from), from.rank, axes));
    to[0] = otherwise;
    for (int i = 2 - axes; i < 2; ++i) {
      to[i] = from[from.rank == 1 ? 0 : i - (2 - axes)];
      if (to[i] < least || to[i] > int64_t{1} << 30) refuse(fmt::format("{} {} is out of range", what, to_string(from)));
    }
  }
  // Extents along spatial axis i of two, where x and weight have four axes.
  static int64_t along(const Shape& s, int i) { return i - 2 + s.rank < 2 ? 1 : s[i - 2 + s.rank]; }
  int64_t reach(int i) const { return geometry.dilation[i] * (along(w, i) - 1) + 1; }
  void check_groups(int64_t channels, const char* what) const {
    if (geometry.groups < 1 || channels % geometry.groups != 0)
      refuse(fmt::format("{} groups do not divide {} {}", geometry.groups, channels, what));
    for (int i = 2 - axes; i < 2; ++i)
      if (along(w, i) < 1) refuse("the kernel has no elements");
  }
  /// The op on four axes, and its result on as many as x had.
  Tensor run(Part part, const Operand& ox, const Operand& ow, const Shape& out) const {
    const CallerScope line(at);
    check_shape(at, op, out);
    if (axes == 2) return computed(op, at, part, ox.tensor(), ow.tensor(), out, geometry);
    const Tensor a = unsqueeze(ox, 2), b = unsqueeze(ow, 2);
    return squeeze(Operand(computed(op, at, part, a, b, out, geometry), at), {2});
  }
};

Tensor convolve(const char* op, int axes, const Operand& x, const Operand& weight, const ConvOptions& options) {
  const Convolved call(op, axes, x, weight, options);
  call.check_groups(call.w[0], "outputs");
  if (call.x[1] != call.w[1] * options.groups)
    call.refuse(fmt::format("x has {} channels and weight takes {}", call.x[1], call.w[1] * options.groups));
  Shape out{call.x[0], call.w[0], 0, 0};
  for (int i = 0; i < 2; ++i) {
    const int64_t room = Convolved::along(call.x, i) + call.geometry.before[i] + call.after[i] - call.reach(i);
    if (room < 0) call.refuse("the kernel is longer than the padded x");
    out[2 + i] = room / call.geometry.stride[i] + 1;
  }
  return call.run(Part::forward, x, weight, out);
}

Tensor transposed(const char* op, int axes, const Operand& x, const Operand& weight, const ConvOptions& options, const PerAxis& extra) {
  const Convolved call(op, axes, x, weight, options);
  call.check_groups(call.w[0], "inputs");
  if (call.x[1] != call.w[0]) call.refuse(fmt::format("x has {} channels and weight takes {}", call.x[1], call.w[0]));
  int64_t more[2];
  call.read(more, extra, 0, 0, "output_padding");
  Shape out{call.x[0], call.w[1] * options.groups, 0, 0};
  for (int i = 0; i < 2; ++i) {
    const int64_t steps = Convolved::along(call.x, i) - 1, stride = call.geometry.stride[i];
    if (more[i] >= std::max(stride, call.geometry.dilation[i]) && more[i] > 0)
      call.refuse("output_padding must be less than stride or dilation");
    if (steps < 0) call.refuse("x has an empty spatial axis");
    out[2 + i] = stride * steps + call.reach(i) - call.geometry.before[i] - call.after[i] + more[i];
    if (out[2 + i] < 0) call.refuse("the padding is larger than the result");
  }
  return call.run(Part::input, x, weight, out);
}

}  // namespace

Tensor conv1d(Operand x, Operand weight, const ConvOptions& options) { return convolve("conv1d", 1, x, weight, options); }
Tensor conv2d(Operand x, Operand weight, const ConvOptions& options) { return convolve("conv2d", 2, x, weight, options); }
Tensor conv_transpose1d(Operand x, Operand weight, const ConvOptions& options, const PerAxis& output_padding) {
  return transposed("conv_transpose1d", 1, x, weight, options, output_padding);
}
Tensor conv_transpose2d(Operand x, Operand weight, const ConvOptions& options, const PerAxis& output_padding) {
  return transposed("conv_transpose2d", 2, x, weight, options, output_padding);
}

}  // namespace scoregrad
