// The members of Tensor that speak of the graph.
#include <fmt/format.h>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/gradient.h"
#include "autograd/graph/history.h"
#include "autograd/graph/order.h"
#include "autograd/graph/sweep.h"
#include "autograd/tensor/create.h"

namespace scoregrad {

namespace {

// A gradient whose bytes nobody else sees, because .grad may be scaled in place: rules may hand one cotangent to two operands.
Tensor owned(const Tensor& g) {
  if (g.sole_owner() && g.is_contiguous()) return g;
  Tensor copy = allocate({}, g.shape(), g.dtype(), g.device());
  copy.backend().call({}, calls::Copy{copy.view(), g.view()});
  return copy;
}

}  // namespace

Tensor& Tensor::requires_grad(Where at) & {
  if (!is_floating(dtype())) throw Error(at, fmt::format("requires_grad: a tensor of {} has no gradient", name_of(dtype())));
  if (!tracked()) {
    body().producer = Ref<Node>(new Leaf(*this, at));
    if (!body().name.empty()) node()->extras().name = body().name;
    if (mode.observer) announce("leaf", at, *this);
  } else if (!is_leaf()) {
    throw Error(at, "requires_grad: this tensor was computed from tracked ones and has a gradient already; detach() it first");
  }
  return *this;
}
Tensor Tensor::requires_grad(Where at) && { return requires_grad(at); }

bool Tensor::is_leaf() const { return tracked() && node()->is_leaf(); }
const char* Tensor::made_by() const { return tracked() ? node()->op() : ""; }

const Tensor& Tensor::grad(Where at) const {
  static const Tensor none;
  need_tracked("grad", *this, at);
  const Node::Extras* extras = node()->extras_if_any();
  if (!is_leaf() && !(extras && extras->retains_grad))
    throw Error(at,
                fmt::format("grad: this tensor is the result of {}, not a leaf; call retain_grad() on it before backward()", node()->op()));
  return extras ? extras->grad : none;
}

void Tensor::clear_grad() {
  if (tracked() && node()->extras_if_any()) node()->extras().grad = {};
}

Tensor& Tensor::retain_grad(Where at) {
  need_tracked("retain_grad", *this, at);
  if (!is_leaf()) node()->extras().retains_grad = true;
  return *this;
}

Tensor Tensor::detach() const { return alias(*this); }

Tensor& Tensor::named(const std::string& name) & {
  body().name = name;
  if (tracked()) node()->extras().name = name;
  return *this;
}
Tensor Tensor::named(const std::string& name) && { return static_cast<Tensor&>(*this).named(name); }
std::string Tensor::name() const {
  if (!body().name.empty() || !tracked() || !node()->extras_if_any()) return body().name;
  return node()->extras_if_any()->name;
}

void Tensor::backward(Where at) const {
  need_history("backward", *this, at);
  if (numel() != 1)
    throw Error(at, fmt::format("backward: a tensor of shape {} has several elements; take its sum or mean", to_string(shape())));
  Node* const source = node();
  std::vector<Node*> leaves;
  for (Node* n : reachable({&source, 1}))
    if (n->is_leaf()) leaves.push_back(n);
  Cotangent seed;
  seed.add(0, ones_like(*this, at));
  std::vector<Cotangent> g = sweep_back({&source, 1}, {&seed, 1}, leaves, {});
  const NoGrad plain;  // .grad never has history
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (g[i].empty()) continue;
    const Tensor total = std::exchange(g[i], {}).total();
    Tensor& sum = leaves[i]->extras().grad;
    sum = sum.defined() ? add(sum, total) : owned(total);
    sum.body().why = Untracked::gradient;
  }
}

}  // namespace scoregrad
