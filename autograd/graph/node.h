// The graph: one node a recorded op, pointing at the nodes of its tracked operands. A tensor owns its node and a node the earlier ones:
// ownership points downward only, and a graph lives as long as something computed from it.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <span>

#include "autograd/graph/cotangent.h"
#include "autograd/graph/mode.h"
#include "autograd/tensor/operand.h"

namespace scoregrad {

/// A value kept for the sweeps, with the storage version it had. A result is kept without its history, or node and result would own each
/// other.
class Saved {
 public:
  Saved() = default;
  static Saved operand(const Tensor& x) { return Saved(x, false); }
  static Saved result(const Tensor& y) { return Saved(alias(y), true); }

  explicit operator bool() const { return value_.defined(); }
  /// The value, with its history while recording; throws Error naming both lines if it was overwritten since.
  Tensor get(const Node& self) const;

 private:
  Saved(Tensor value, bool is_result) : value_(std::move(value)), version_(value_.body().storage->version), is_result_(is_result) {}
  Tensor value_;
  uint32_t version_ = 0;
  bool is_result_ = false;
};

/// One recorded step of a computation and the two rules that differentiate it. Rules are written in ops, so their results can be
/// differentiated again; they need not undo broadcasting: the sweep does.
struct Node : Counted {
  /// Names y as the result; the caller then sets y's producer.
  Node(const Tensor& y, Where at);
  virtual ~Node();

  uint64_t id;  // grows: an operand's node has a smaller one, so sorting by id is a topological order
  Where at;
  Shape shape;
  DType dtype;
  Device device;

  /// The op's name in listings and messages.
  virtual const char* op() const = 0;
  /// Attributes as a reader would write them: "axes=[1]".
  virtual std::string attributes() const { return {}; }
  virtual bool is_leaf() const { return false; }
  /// The label of a tag; null for every other node.
  virtual const std::string* label() const { return nullptr; }
  /// How many tensors it keeps for its rules.
  virtual int saved_count() const { return 0; }

  /// Reverse rule: operand_cotangents[i] = J_i' g where wanted[i].
  virtual void vjp(const Tensor& g, std::span<Tensor> operand_cotangents, std::span<const char> wanted) const = 0;
  /// Forward rule: sum over i of J_i t_i, where an undefined tangent is zero and at least one is defined.
  virtual Tensor jvp(std::span<const Tensor> tangents) const = 0;
  /// The rules as the sweeps call them, part by part; only nodes that know of paths replace them.
  virtual void pull(const Cotangent& g, std::span<Cotangent> operand_cotangents, std::span<const char> wanted, Paths* paths) const;
  virtual Cotangent push(std::span<const Cotangent> tangents, Paths* paths) const;

  /// The nodes of the operands, null where untracked.
  std::span<const Ref<Node>> operands() const { return {many_.empty() ? few_.data() : many_.data(), static_cast<size_t>(count_)}; }
  void set_operand(int i, const Tensor& x);
  void set_operands(std::span<const Tensor* const> xs);
  void set_operands(std::vector<Ref<Node>> nodes);

  /// What only some nodes have.
  struct Extras {
    std::string name;
    std::vector<std::function<Tensor(const Tensor&)>> hooks;
    bool retains_grad = false;
    Tensor grad;
  };
  Extras& extras();
  const Extras* extras_if_any() const { return extras_.get(); }

 private:
  friend void destroy(Node* node);
  std::array<Ref<Node>, 3> few_;
  std::vector<Ref<Node>> many_;  // more than three operands
  int count_ = 0;
  std::unique_ptr<Extras> extras_;
};

/// The id of the youngest node; later ones have larger ids.
uint64_t newest_node();

/// A tensor whose gradient is wanted.
struct Leaf final : Node {
  using Node::Node;
  const char* op() const override { return "leaf"; }
  bool is_leaf() const override { return true; }
  void vjp(const Tensor&, std::span<Tensor>, std::span<const char>) const override {}
  Tensor jvp(std::span<const Tensor>) const override { return {}; }
};

/// Tells the observer of this thread, if any, about a value that `op` just computed.
void announce(const char* op, Where at, const Tensor& y);

/// Why a result of x has no history where it gets no node.
inline Untracked why_untracked(const Tensor& x) {
  return !x.defined() ? Untracked::constant : x.tracked() ? Untracked::no_grad : x.body().why;
}

/// Finishes every op: y = op(operands). If one of them is tracked and this thread records, y gets a node N(y, at, more...) over them.
template <class N, class... More>
Tensor record(const char* op, Where at, Tensor y, std::span<const Tensor* const> operands, More&&... more) {
  bool tracked = false;
  for (const Tensor* x : operands) tracked = tracked || x->tracked();
  if (tracked && mode.recording && is_floating(y.dtype())) {
    auto* const n = new N(y, at, std::forward<More>(more)...);
    n->set_operands(operands);
    y.body().producer = Ref<Node>(n);
  } else {
    for (const Tensor* x : operands) y.body().why = std::max(y.body().why, why_untracked(*x));
  }
  if (mode.observer) announce(op, at, y);
  return y;
}
template <class N, class... More>
Tensor record(const char* op, Where at, Tensor y, const Tensors& operands, More&&... more) {
  std::vector<const Tensor*> each;
  for (const Tensor& x : operands) each.push_back(&x);
  return record<N>(op, at, std::move(y), std::span<const Tensor* const>(each), std::forward<More>(more)...);
}
template <class N, class... More>
Tensor record(const char* op, Where at, Tensor y, std::initializer_list<const Tensor*> operands, More&&... more) {
  return record<N>(op, at, std::move(y), std::span<const Tensor* const>(operands.begin(), operands.size()), std::forward<More>(more)...);
}

}  // namespace scoregrad
