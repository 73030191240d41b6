// The length of vectors, whose squares need not be numbers of their type.
#include <fmt/format.h>

#include "autograd/ops/axes.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

// dy / dx = x / y; at x = 0, where y has a kink, 0 by convention and without a finite derivative. A cotangent that is itself a multiple of
// y, as that of y^2, is divided by it instead: |x|^2 has no kink.
struct NormNode final : RuleNode {
  Axes axes;
  Saved x, y;
  NormNode(const Tensor& result, Where line, const Axes& over, const Tensor& operand)
      : RuleNode(result, line, Primitive::norm), axes(over), x(Saved::operand(operand)), y(Saved::result(result)) {}
  std::string attributes() const override { return "axes=" + to_string(axes); }
  int saved_count() const override { return 2; }
  Tensor spread(const Tensor& g) const { return reshape(g, kept_shape(operands()[0]->shape, axes)); }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    const Tensor v = x.get(*this), h = mode.recording ? cofactor(g.node(), this) : Tensor();
    out[0] = h.defined() ? v * spread(broadcast_to(h, shape)) : spread(g) * xdivy(v, spread(y.get(*this)));
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    return reshape(sum(xdivy(x.get(*this), spread(y.get(*this))) * t[0], axes, true), shape);
  }
};

}  // namespace

Tensor norm(Operand x, const Axes& axes, bool keep) {
  const Tensor& t = tensor_of(x, "norm");
  if (!is_floating(t.dtype())) throw Error(x.at, fmt::format("norm: not defined for {}; use to(float32)", name_of(t.dtype())));
  const Axes over = normal_axes(x.at, "norm", axes, t.rank());
  const CallerScope line(x.at, "norm");
  Tensor y;
  {
    const NoGrad plain;
    if (t.numel() == 0) {
      y = sum(x, over, keep);
    } else {  // a power of two, so that scaling rounds nothing
      const Tensor unit = binade(max(abs(x), over, true)), s = sqrt(sum(square(t / unit), over, keep));
      y = s * (keep ? unit : reshape(unit, s.shape()));
    }
  }
  return record<NormNode>("norm", x.at, std::move(y), {&t}, over, t);
}

}  // namespace scoregrad
