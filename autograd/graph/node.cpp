#include "autograd/graph/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/observer.h"

namespace scoregrad {
namespace {

std::atomic<uint64_t> last{0};

uint64_t next_id() {
  if (!SCOREGRAD_ONE_THREAD) return last.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint64_t id = last.load(std::memory_order_relaxed) + 1;
  last.store(id, std::memory_order_relaxed);
  return id;
}

}  // namespace

void add_reference(const Node* node) { node->add_reference(); }
bool drop_reference(const Node* node) { return node->drop_reference(); }

// A long chain must not be freed by recursion: a dying node leaves its operands in a list of the outermost call, which empties it. The list
// does not belong to the thread: a static tensor dies after the thread's own objects.
void destroy(Node* node) {
  constinit thread_local std::vector<Node*>* graveyard = nullptr;
  if (graveyard) return graveyard->push_back(node);
  std::vector<Node*> dying;
  graveyard = &dying;
  delete node;
  while (!dying.empty()) {
    Node* dead = dying.back();
    dying.pop_back();
    delete dead;
  }
  graveyard = nullptr;
}

uint64_t newest_node() { return last.load(std::memory_order_relaxed); }

Node::Node(const Tensor& y, Where line)
    : id(next_id()), at(caller_line ? caller_line : line), shape(y.shape()), dtype(y.dtype()), device(y.device()) {}

Node::~Node() = default;

void Node::set_operand(int i, const Tensor& x) {
  few_[static_cast<size_t>(i)] = Ref<Node>(x.node());
  count_ = std::max(count_, i + 1);
}

void Node::set_operands(std::span<const Tensor* const> xs) {
  if (xs.size() > few_.size()) {
    many_.resize(xs.size());
    for (size_t i = 0; i < xs.size(); ++i) many_[i] = Ref<Node>(xs[i]->node());
  } else {
    for (size_t i = 0; i < xs.size(); ++i) few_[i] = Ref<Node>(xs[i]->node());
  }
  count_ = static_cast<int>(xs.size());
}

void Node::set_operands(std::vector<Ref<Node>> nodes) {
  count_ = static_cast<int>(nodes.size());
  if (nodes.size() <= few_.size())
    std::move(nodes.begin(), nodes.end(), few_.begin());
  else
    many_ = std::move(nodes);
}

Node::Extras& Node::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

Tensor Saved::get(const Node& self) const {
  const Storage& s = *value_.body().storage;
  if (s.version != version_)
    throw Error(self.at, fmt::format("{} at {}:{} saved its {}, which {} at {}:{} overwrote before the gradient was taken", self.op(),
                                     self.at.file ? self.at.file : "?", self.at.line, is_result_ ? "result" : "operand", s.last_writer,
                                     s.last_write.file ? s.last_write.file : "?", s.last_write.line));
  if (!is_result_ || !mode.recording) return value_;
  Tensor y = alias(value_);
  y.body().producer = Ref<Node>(const_cast<Node*>(&self));
  return y;
}

void Node::pull(const Cotangent& g, std::span<Cotangent> out, std::span<const char> wanted, Paths*) const {
  std::array<Tensor, 3> few;
  Tensors many(out.size() > few.size() ? out.size() : 0);
  const std::span<Tensor> parts = many.empty() ? std::span<Tensor>(few.data(), out.size()) : std::span<Tensor>(many);
  for (int p = 0; p < g.size(); ++p) {
    vjp(g[p].value, parts, wanted);
    for (size_t i = 0; i < out.size(); ++i) {
      Tensor part = std::exchange(parts[i], {});
      if (!wanted[i] || !part.defined()) continue;
      const Shape& to = operands()[i]->shape;
      out[i].add(g[p].path, part.shape() == to ? std::move(part) : sum_to(part, to));  // the one place that undoes broadcasting
    }
  }
}

Cotangent Node::push(std::span<const Cotangent> tangents, Paths*) const {
  std::vector<int> paths;
  for (const Cotangent& t : tangents)
    for (int p = 0; p < t.size(); ++p)
      if (std::find(paths.begin(), paths.end(), t[p].path) == paths.end()) paths.push_back(t[p].path);
  Cotangent out;
  Tensors along(tangents.size());
  for (int path : paths) {
    for (size_t i = 0; i < tangents.size(); ++i) along[i] = tangents[i].along(path);
    if (Tensor t = jvp(along); t.defined()) out.add(path, t.shape() == shape ? std::move(t) : broadcast_to(t, shape));
  }
  return out;
}

void announce(const char* op, Where at, const Tensor& y) {
  struct Apart {  // what the observer computes is not announced to it, and what it throws is in its own name
    Observer* observer = std::exchange(mode.observer, nullptr);
    const char* op = std::exchange(caller_op, nullptr);
    ~Apart() {
      mode.observer = observer;
      caller_op = op;
    }
  } apart;
  apart.observer->computed(op, caller_line ? caller_line : at, y);
}

}  // namespace scoregrad
