#include "autograd/graph/order.h"

#include <algorithm>

namespace scoregrad {
namespace {

uint64_t oldest_of(std::span<Node* const> nodes) {
  uint64_t id = UINT64_MAX;
  for (const Node* n : nodes)
    if (n) id = std::min(id, n->id);
  return id;
}

// The nodes below `roots` by ascending id, and where each is; with `border`, nothing past a node of it.
std::pmr::vector<Node*> reach(std::span<Node* const> roots, uint64_t oldest, const Places* border, Places& places,
                              std::pmr::memory_resource* room) {
  std::pmr::vector<Node*> nodes(room);
  nodes.reserve(32);
  const auto visit = [&](Node* n) {
    if (n && n->id >= oldest && places.set(n, 0)) nodes.push_back(n);
  };
  for (Node* n : roots) visit(n);
  for (size_t next = 0; next < nodes.size(); ++next) {
    if (border && border->find(nodes[next]) >= 0) continue;
    for (const Ref<Node>& operand : nodes[next]->operands()) visit(operand.get());
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node* x, const Node* y) { return x->id < y->id; });
  for (size_t i = 0; i < nodes.size(); ++i) places.set(nodes[i], static_cast<int>(i));
  return nodes;
}

}  // namespace

void Places::grow() {
  Places bigger(slots_.get_allocator().resource());
  bigger.mask_ = 4 * mask_ + 3;
  bigger.slots_.resize(bigger.mask_ + 1);
  for (const Slot& s : slots_)
    if (s.node) bigger.set(s.node, s.place);
  *this = std::move(bigger);
}

Order::Order(std::span<Node* const> roots, std::span<Node* const> ends, bool cut) {
  Places border(arena_.room());
  for (const Node* n : ends)
    if (n && cut) border.set(n, 0);
  const std::pmr::vector<Node*> nodes = reach(roots, oldest_of(ends), cut ? &border : nullptr, places_, arena_.room());
  steps_.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) steps_[i].node = nodes[i];
  for (const Node* n : ends)
    if (Step* s = find(n)) s->is_end = true;
  operands_.reserve(2 * nodes.size());
  for (Step& s : steps_) {
    s.first_operand = static_cast<int>(operands_.size());
    s.useful = s.is_end;
    for (const Ref<Node>& operand : s.node->operands()) {
      const int place = operand ? places_.find(operand.get()) : -1;
      operands_.push_back(place);
      s.useful = s.useful || (place >= 0 && steps_[static_cast<size_t>(place)].useful);
    }
  }
}

void Order::put(std::span<Node* const> nodes, std::span<const Cotangent> flows) {
  for (size_t i = 0; i < nodes.size(); ++i)
    if (Step* s = find(nodes[i])) s->flow += flows[i];
}

std::vector<Cotangent> Order::at(std::span<Node* const> nodes) {
  std::vector<Cotangent> flows(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    if (const Step* s = find(nodes[i])) flows[i] = s->flow;
  return flows;
}

std::vector<Node*> reachable(std::span<Node* const> roots, uint64_t oldest) {
  Arena arena;
  Places places(arena.room());
  const std::pmr::vector<Node*> nodes = reach(roots, oldest, nullptr, places, arena.room());
  return {nodes.begin(), nodes.end()};
}

}  // namespace scoregrad
