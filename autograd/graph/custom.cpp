#include "autograd/graph/custom.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/gradient.h"
#include "autograd/tensor/create.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

// Whether `part` is what a tensor of shape `of` broadcasts to.
bool extends(const Shape& part, const Shape& of) {
  bool fits = part.rank >= of.rank;
  for (int i = 0; fits && i < of.rank; ++i) fits = of.back(i) == part.back(i) || of.back(i) == 1;
  return fits;
}

struct CustomNode final : Node {
  Custom rules;
  std::vector<Saved> xs;
  Saved y;
  CustomNode(const Tensor& result, Where line, const Custom& custom, const Tensors& operands)
      : Node(result, line), rules(custom), y(Saved::result(result)) {
    for (const Tensor& x : operands) xs.push_back(Saved::operand(x));
  }
  const char* op() const override { return rules.name.c_str(); }
  int saved_count() const override { return static_cast<int>(xs.size()) + 1; }

  Tensors values() const {
    Tensors out;
    for (const Saved& x : xs) out.push_back(x.get(*this));
    return out;
  }
  void check(const char* rule, const Tensor& part, const Shape& wanted) const {
    if (part.dtype() != dtype || !extends(part.shape(), wanted))
      throw misfit(at, op(), std::string("what ") + rule + " returns", kind_of(dtype, wanted), kind_of(part));
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    const Tensors parts = rules.vjp(values(), y.get(*this), g);
    if (parts.size() != out.size())
      throw Error(at, fmt::format("{}: vjp returned {} cotangents for {} operands", op(), parts.size(), out.size()));
    for (size_t i = 0; i < out.size(); ++i) {
      if (!wanted[i] || !parts[i].defined()) continue;
      check("vjp", parts[i], operands()[i]->shape);
      out[i] = parts[i];
    }
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    const Tensor tangent = rules.jvp ? rules.jvp(values(), y.get(*this), {t.begin(), t.end()}) : transposed(t);
    if (tangent.defined() && (tangent.dtype() != dtype || tangent.shape() != shape))
      throw misfit(at, op(), "what jvp returns", kind_of(dtype, shape), kind_of(tangent));
    return tangent;
  }
  // h(u) = J'u is linear in u, so J t = d<h(u), t>/du at any u.
  Tensor transposed(std::span<const Tensor> t) const {
    const bool record = mode.recording;
    const RecordingScope recording(true);
    Tensor probe = zeros(shape, {dtype, device}).requires_grad();
    const Tensors parts = rules.vjp(values(), y.get(*this), probe);
    Tensor sum;
    for (size_t i = 0; i < t.size() && i < parts.size(); ++i) {
      if (!t[i].defined() || !parts[i].defined() || !parts[i].tracked()) continue;
      check("vjp", parts[i], t[i].shape());
      const RecordingScope scope(record);
      const Tensor seed = t[i].shape() == parts[i].shape() ? t[i] : broadcast_to(t[i], parts[i].shape());
      const Tensor part = grad(parts[i], probe, {.seed = seed, .create_graph = record, .allow_unused = true});
      sum = sum.defined() ? add(sum, part) : part;
    }
    return sum;
  }
};

struct StraightThroughNode final : Node {
  using Node::Node;
  const char* op() const override { return "straight_through"; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override { out[0] = g; }
  Tensor jvp(std::span<const Tensor> t) const override { return t[0]; }
};

}  // namespace

Tensor Custom::operator()(const Tensors& xs, Where at) const {
  Tensor y;
  {
    const NoGrad plain;
    const FunctionScope function(at);
    y = alias(forward(xs));
  }
  const bool tracked = is_floating(y.dtype()) && std::any_of(xs.begin(), xs.end(), [](const Tensor& x) { return x.tracked(); });
  if (tracked && mode.recording && !vjp) throw Error(at, fmt::format("{}: has no vjp", name));
  return record<CustomNode>(name.c_str(), at, std::move(y), xs, *this, xs);
}

Tensor straight_through(const Tensor& value, const Tensor& surrogate, Where at) {
  check_like(at, "straight_through", "the surrogate", value, surrogate);
  return record<StraightThroughNode>("straight_through", at, alias(value), {&surrogate});
}

}  // namespace scoregrad
