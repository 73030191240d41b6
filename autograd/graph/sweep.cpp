#include "autograd/graph/sweep.h"

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <optional>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/observer.h"

namespace scoregrad {
namespace {

// What a sweep needs besides its answers lies on the stack while the graph is small.
class Room {
 public:
  std::pmr::memory_resource* resource() { return &resource_; }

 private:
  alignas(std::max_align_t) std::byte bytes_[4096];
  std::pmr::monotonic_buffer_resource resource_{bytes_, sizeof bytes_};
};

// From node to its place in the sweep: open addressing, because the sweep of a small graph costs less than a map's allocations. A mark on
// the nodes would be faster still, and two threads that sweep over a shared parameter would race for it.
class Places {
 public:
  explicit Places(std::pmr::memory_resource* room) : slots_(mask_ + 1, room) {}
  /// The place of `node`, or -1.
  int find(const Node* node) const {
    for (size_t i = hash(node);; i = (i + 1) & mask_)
      if (slots_[i].node == node)
        return slots_[i].place;
      else if (!slots_[i].node)
        return -1;
  }
  /// Sets the place of `node`; true if it had none.
  bool set(const Node* node, int place) {
    size_t i = hash(node);
    for (; slots_[i].node; i = (i + 1) & mask_)
      if (slots_[i].node == node) {
        slots_[i].place = place;
        return false;
      }
    slots_[i] = {node, place};
    if (2 * ++used_ > mask_) grow();
    return true;
  }

 private:
  struct Slot {
    const Node* node = nullptr;
    int place = 0;
  };
  size_t hash(const Node* node) const { return ((reinterpret_cast<uintptr_t>(node) >> 6) * 0x9E3779B97F4A7C15ull >> 20) & mask_; }
  void grow() {
    Places bigger(slots_.get_allocator().resource());
    bigger.mask_ = 4 * mask_ + 3;
    bigger.slots_.resize(bigger.mask_ + 1);
    for (const Slot& s : slots_)
      if (s.node) bigger.set(s.node, s.place);
    *this = std::move(bigger);
  }
  size_t mask_ = 31, used_ = 0;
  std::pmr::vector<Slot> slots_;
};

Places places_of(std::span<Node* const> nodes, std::pmr::memory_resource* room) {
  Places places(room);
  for (const Node* n : nodes)
    if (n) places.set(n, 0);
  return places;
}

// The nodes below `roots` by ascending id, and where each is; with `border`, nothing past a node of it.
struct Reach {
  std::pmr::vector<Node*> nodes;
  Places places;
  Reach(std::span<Node* const> roots, uint64_t oldest, const Places* border, std::pmr::memory_resource* room) : nodes(room), places(room) {
    const auto visit = [&](Node* n) {
      if (n && n->id >= oldest && places.set(n, 0)) nodes.push_back(n);
    };
    nodes.reserve(32);
    for (Node* n : roots) visit(n);
    for (size_t next = 0; next < nodes.size(); ++next) {
      if (border && border->find(nodes[next]) >= 0) continue;
      for (const Ref<Node>& operand : nodes[next]->operands()) visit(operand.get());
    }
    std::sort(nodes.begin(), nodes.end(), [](const Node* x, const Node* y) { return x->id < y->id; });
    for (size_t i = 0; i < nodes.size(); ++i) places.set(nodes[i], static_cast<int>(i));
  }
};

// A node with what this sweep knows of it.
struct Step {
  Node* node = nullptr;
  Cotangent flow;         // cotangent or tangent
  int first_operand = 0;  // where its operands' places begin
  int target = -1;        // which target it is
  bool useful = false;    // a target lies below
};

// The steps of a sweep, each knowing where its operands are.
struct Order : Reach {
  std::pmr::vector<Step> steps;
  std::pmr::vector<int> operands;  // places, -1 where an operand is outside the sweep

  Order(std::span<Node* const> roots, uint64_t oldest, const Places* border, std::pmr::memory_resource* room)
      : Reach(roots, oldest, border, room), steps(nodes.size(), room), operands(room) {
    operands.reserve(2 * nodes.size());
    for (size_t i = 0; i < steps.size(); ++i) {
      steps[i].node = nodes[i];
      steps[i].first_operand = static_cast<int>(operands.size());
      for (const Ref<Node>& operand : nodes[i]->operands()) operands.push_back(operand ? places.find(operand.get()) : -1);
    }
  }
  /// The place of operand k of a step, or -1.
  int operand(const Step& s, size_t k) const { return operands[static_cast<size_t>(s.first_operand) + k]; }
  Step* find(const Node* n) {
    const int at = n ? places.find(n) : -1;
    return at < 0 ? nullptr : &steps[static_cast<size_t>(at)];
  }
  void seed(std::span<Node* const> at, std::span<const Cotangent> seeds) {
    for (size_t i = 0; i < at.size(); ++i)
      if (Step* s = find(at[i]))
        for (int p = 0; p < seeds[i].size(); ++p) s->flow.add(seeds[i][p].path, seeds[i][p].value);
  }
};

uint64_t oldest_of(std::span<Node* const> nodes) {
  uint64_t id = UINT64_MAX;
  for (const Node* n : nodes)
    if (n) id = std::min(id, n->id);
  return id;
}

// What hooks and retain_grad want of a cotangent that is complete.
void attend(Node& node, Cotangent& g) {
  Node::Extras& extras = node.extras();
  for (const auto& hook : extras.hooks)
    for (int p = 0; p < g.size(); ++p)
      if (Tensor changed = hook(g[p].value); changed.defined()) {
        if (changed.shape() != node.shape || changed.dtype() != node.dtype)
          throw Error(node.at, std::string("a hook on the result of ") + node.op() + " returned " + to_string(changed.shape()) + ", not " +
                                   to_string(node.shape));
        g[p].value = changed;
      }
  if (extras.retains_grad) extras.grad = g.total().detach();
}

// What the observer computes is not reported to it.
template <class Tell>
void report(Tell&& tell) {
  struct Silence {
    Observer* observer = std::exchange(mode.observer, nullptr);
    ~Silence() { mode.observer = observer; }
  } silence;
  tell(*silence.observer);
}

}  // namespace

std::vector<Node*> reachable(std::span<Node* const> roots, uint64_t oldest) {
  Room room;
  const Reach reach(roots, oldest, nullptr, room.resource());
  return {reach.nodes.begin(), reach.nodes.end()};
}

std::vector<Cotangent> sweep_back(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                  const SweepOptions& options) {
  const RecordingScope scope(options.record);
  Room stack;
  std::pmr::memory_resource* const room = stack.resource();
  const std::optional<Places> border = options.cut ? std::optional(places_of(targets, room)) : std::nullopt;
  Order order(sources, oldest_of(targets), border ? &*border : nullptr, room);
  for (size_t i = 0; i < targets.size(); ++i)
    if (Step* s = order.find(targets[i])) s->target = static_cast<int>(i);
  for (Step& s : order.steps) {  // only what has a target below it can carry anything of use
    s.useful = s.target >= 0;
    for (size_t k = 0; k < s.node->operands().size() && !s.useful; ++k)
      if (const int at = order.operand(s, k); at >= 0) s.useful = order.steps[static_cast<size_t>(at)].useful;
  }
  order.seed(sources, seeds);

  std::vector<Cotangent> answers(targets.size());
  std::pmr::vector<Cotangent> parts(room);
  std::pmr::vector<char> wanted(room);
  for (size_t i = order.steps.size(); i-- > 0;) {
    Step& step = order.steps[i];
    if (!step.useful || step.flow.empty()) continue;
    Node& node = *step.node;
    Cotangent g = std::move(step.flow);
    if (step.target >= 0 && options.cut) {  // complete only in the sweep that this one is a part of
      answers[static_cast<size_t>(step.target)] = std::move(g);
      continue;
    }
    if (node.extras_if_any()) attend(node, g);
    if (mode.observer) report([&](Observer& o) { o.swept(node, g.total()); });
    if (step.target >= 0) answers[static_cast<size_t>(step.target)] = g;

    const size_t count = node.operands().size();
    parts.clear();
    parts.resize(count);
    wanted.assign(count, 0);
    bool any = false;
    for (size_t k = 0; k < count; ++k) {
      const int at = order.operand(step, k);
      wanted[k] = at >= 0 && order.steps[static_cast<size_t>(at)].useful;
      any = any || wanted[k];
    }
    if (!any) continue;
    const LineScope line(node.at);
    node.pull(g, parts, wanted, options.paths);
    if (mode.observer) report([&](Observer& o) { o.pulled(node, parts); });
    for (size_t k = 0; k < count; ++k) {
      if (!wanted[k]) continue;
      Cotangent& sum = order.steps[static_cast<size_t>(order.operand(step, k))].flow;
      const int taken = parts[k].size();  // before its first part is moved away, which would make it look empty
      for (int p = 0; p < taken; ++p) sum.add(parts[k][p].path, std::move(parts[k][p].value));
    }
  }
  for (size_t i = 0; i < targets.size(); ++i)  // a target named twice has one answer
    if (const Step* s = order.find(targets[i])) answers[i] = answers[static_cast<size_t>(s->target)];
  return answers;
}

std::vector<Cotangent> sweep_forward(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                     const SweepOptions& options) {
  const RecordingScope scope(options.record);
  Room stack;
  std::pmr::memory_resource* const room = stack.resource();
  const std::optional<Places> border = options.cut ? std::optional(places_of(sources, room)) : std::nullopt;
  Order order(targets, oldest_of(sources), border ? &*border : nullptr, room);
  order.seed(sources, seeds);
  std::pmr::vector<Cotangent> parts(room);
  for (Step& step : order.steps) {
    if (border && border->find(step.node) >= 0) continue;
    const size_t count = step.node->operands().size();
    parts.assign(count, {});
    bool any = false;
    for (size_t k = 0; k < count; ++k)
      if (const int at = order.operand(step, k); at >= 0) {
        parts[k] = order.steps[static_cast<size_t>(at)].flow;
        any = any || !parts[k].empty();
      }
    if (!any) continue;
    const LineScope line(step.node->at);
    const Cotangent through = step.node->push(parts, options.paths);
    for (int p = 0; p < through.size(); ++p) step.flow.add(through[p].path, through[p].value);
  }
  std::vector<Cotangent> answers(targets.size());
  for (size_t i = 0; i < targets.size(); ++i)
    if (const Step* s = order.find(targets[i])) answers[i] = s->flow;
  return answers;
}

}  // namespace scoregrad
