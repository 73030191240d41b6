// The rules of structural ops. There are three kinds in all: elementwise (a row of the table), linear (apply and its transpose, here) and
// general (both sweeps written out, a Node of its own).
#pragma once
#include "autograd/graph/node.h"

namespace scoregrad {

enum class Primitive : uint8_t {
#define SG_PRIMITIVE(name) name,
#include "autograd/ops/primitives.def"
  count
};
const char* name_of(Primitive p);

/// A node whose op is a line of primitives.def.
struct RuleNode : Node {
  RuleNode(const Tensor& y, Where line, Primitive p) : Node(y, line), primitive(p) {}
  const char* op() const override { return name_of(primitive); }
  Primitive primitive;
};

/// A linear op of one operand: L has `primitive`, `Tensor apply(const Tensor&) const` and `Tensor transpose(const Tensor& g, const Shape&
/// operand) const`.
template <class L>
struct LinearNode final : RuleNode {
  L linear;
  LinearNode(const Tensor& y, Where line, const L& l) : RuleNode(y, line, L::primitive), linear(l) {}
  std::string attributes() const override {
    if constexpr (requires { linear.attributes(); })
      return linear.attributes();
    else
      return {};
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override {
    out[0] = linear.transpose(g, operands()[0]->shape);
  }
  Tensor jvp(std::span<const Tensor> t) const override { return linear.apply(t[0]); }
};

/// Finishes a linear op that computed y from x.
template <class L>
Tensor record_linear(const L& linear, const Operand& x, const Tensor& y) {
  return record<LinearNode<L>>(name_of(L::primitive), x.at, y, {&x.tensor()}, linear);
}

/// The tensor of an operand that may not be a number; throws Error if it is undefined.
const Tensor& tensor_of(const Operand& x, const char* op);
/// x itself; throws Error if it is undefined.
const Tensor& defined(const Tensor& x, const char* op, Where at);
/// The first element over `axes`, kept, as a constant: numbers that lie close together are counted from it without rounding.
Tensor first_of(const Tensor& x, const Axes& axes);
/// Throws Error if a result would have more than max_rank axes.
void check_rank(int rank, const char* op, Where at);

}  // namespace scoregrad
