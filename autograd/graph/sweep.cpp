#include "autograd/graph/sweep.h"

#include <algorithm>
#include <bit>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/observer.h"

namespace scoregrad {
namespace {

// From node to its place in the sweep: open addressing, because the sweep of a small graph costs less than a map's allocations.
class Places {
 public:
  explicit Places(size_t nodes) : mask_(std::bit_ceil(2 * nodes + 2) - 1), slots_(mask_ + 1) {}
  /// The place of `node`, or -1.
  int find(const Node* node) const {
    for (size_t i = hash(node);; i = (i + 1) & mask_)
      if (slots_[i].node == node)
        return slots_[i].place;
      else if (!slots_[i].node)
        return -1;
  }
  /// False if it is there already.
  bool insert(const Node* node, int place) {
    size_t i = hash(node);
    for (; slots_[i].node; i = (i + 1) & mask_)
      if (slots_[i].node == node) return false;
    slots_[i] = {node, place};
    if (2 * ++used_ > mask_) grow();
    return true;
  }

 private:
  struct Slot {
    const Node* node = nullptr;
    int place = 0;
  };
  size_t hash(const Node* node) const { return ((reinterpret_cast<uintptr_t>(node) >> 4) * 0x9E3779B97F4A7C15ull >> 20) & mask_; }
  void grow() {
    Places bigger(mask_ + 1);
    for (const Slot& s : slots_)
      if (s.node) bigger.insert(s.node, s.place);
    *this = std::move(bigger);
  }
  size_t mask_, used_ = 0;
  std::vector<Slot> slots_;
};

// The nodes of a sweep by ascending id, and where each is.
struct Order {
  std::vector<Node*> nodes;
  Places places;
  Order(std::span<Node* const> roots, uint64_t oldest, const Places* stop = nullptr)
      : nodes(collect(roots, oldest, stop)), places(nodes.size()) {
    for (size_t i = 0; i < nodes.size(); ++i) places.insert(nodes[i], static_cast<int>(i));
  }
  static std::vector<Node*> collect(std::span<Node* const> roots, uint64_t oldest, const Places* stop) {
    std::vector<Node*> found;
    Places seen(64);
    const auto visit = [&](Node* n) {
      if (n && n->id >= oldest && seen.insert(n, 0)) found.push_back(n);
    };
    for (Node* n : roots) visit(n);
    for (size_t next = 0; next < found.size(); ++next) {
      if (stop && stop->find(found[next]) >= 0) continue;
      for (const Ref<Node>& operand : found[next]->operands()) visit(operand.get());
    }
    std::sort(found.begin(), found.end(), [](const Node* a, const Node* b) { return a->id < b->id; });
    return found;
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
      if (Tensor changed = hook(g[p].value); changed.defined()) g[p].value = changed;
  if (extras.retains_grad) extras.grad = g.total().detach();
}

}  // namespace

std::vector<Node*> reachable(std::span<Node* const> roots, uint64_t oldest) { return Order::collect(roots, oldest, nullptr); }

std::vector<Cotangent> sweep_back(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                  const SweepOptions& options) {
  const RecordingScope scope(options.record);
  std::vector<Cotangent> answers(targets.size());
  Places ends(targets.size());
  for (size_t i = 0; i < targets.size(); ++i)
    if (targets[i]) ends.insert(targets[i], static_cast<int>(i));
  const Order order(sources, oldest_of(targets), options.cut ? &ends : nullptr);
  const size_t n = order.nodes.size();

  // Only nodes with a target below them can carry anything of use.
  std::vector<char> useful(n, 0);
  for (size_t i = 0; i < n; ++i) {
    useful[i] = ends.find(order.nodes[i]) >= 0;
    for (const Ref<Node>& operand : order.nodes[i]->operands())
      if (const int at = operand ? order.places.find(operand.get()) : -1; at >= 0 && useful[static_cast<size_t>(at)]) useful[i] = 1;
  }

  std::vector<Cotangent> cotangents(n);
  for (size_t i = 0; i < sources.size(); ++i)
    if (const int at = sources[i] ? order.places.find(sources[i]) : -1; at >= 0)
      for (int p = 0; p < seeds[i].size(); ++p) cotangents[static_cast<size_t>(at)].add(seeds[i][p].path, seeds[i][p].value);

  std::vector<Cotangent> parts;
  std::vector<char> wanted;
  for (size_t i = n; i-- > 0;) {
    Node& node = *order.nodes[i];
    Cotangent g = std::move(cotangents[i]);
    if (g.empty() || !useful[i]) continue;
    if (node.extras_if_any()) attend(node, g);
    if (mode.observer) {
      Observer* const observer = std::exchange(mode.observer, nullptr);
      struct Restore {
        Observer* o;
        ~Restore() { mode.observer = o; }
      } restore{observer};
      observer->swept(node, g.total());
    }
    if (const int end = ends.find(&node); end >= 0) {
      answers[static_cast<size_t>(end)] = g;
      if (options.cut) continue;
    }
    const auto operands = node.operands();
    parts.assign(operands.size(), {});
    wanted.assign(operands.size(), 0);
    bool any = false;
    for (size_t k = 0; k < operands.size(); ++k) {
      const int at = operands[k] ? order.places.find(operands[k].get()) : -1;
      wanted[k] = at >= 0 && useful[static_cast<size_t>(at)];
      any = any || wanted[k];
    }
    if (!any) continue;
    const LineScope line(node.at);
    node.pull(g, parts, wanted, options.paths);
    for (size_t k = 0; k < operands.size(); ++k) {
      if (!wanted[k]) continue;
      Cotangent& sum = cotangents[static_cast<size_t>(order.places.find(operands[k].get()))];
      for (int p = 0; p < parts[k].size(); ++p) sum.add(parts[k][p].path, std::move(parts[k][p].value));
    }
  }
  for (size_t i = 0; i < targets.size(); ++i)  // a target named twice has one answer
    if (targets[i]) answers[i] = answers[static_cast<size_t>(ends.find(targets[i]))];
  return answers;
}

std::vector<Cotangent> sweep_forward(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                     const SweepOptions& options) {
  const RecordingScope scope(options.record);
  const Order order(targets, oldest_of(sources));
  std::vector<Cotangent> tangents(order.nodes.size());
  for (size_t i = 0; i < sources.size(); ++i)
    if (const int at = sources[i] ? order.places.find(sources[i]) : -1; at >= 0)
      for (int p = 0; p < seeds[i].size(); ++p) tangents[static_cast<size_t>(at)].add(seeds[i][p].path, seeds[i][p].value);

  std::vector<Cotangent> parts;
  for (size_t i = 0; i < order.nodes.size(); ++i) {
    const Node& node = *order.nodes[i];
    const auto operands = node.operands();
    parts.assign(operands.size(), {});
    bool any = false;
    for (size_t k = 0; k < operands.size(); ++k)
      if (const int at = operands[k] ? order.places.find(operands[k].get()) : -1; at >= 0) {
        parts[k] = tangents[static_cast<size_t>(at)];
        any = any || !parts[k].empty();
      }
    if (!any) continue;
    const LineScope line(node.at);
    const Cotangent through = node.push(parts, options.paths);
    for (int p = 0; p < through.size(); ++p) tangents[i].add(through[p].path, through[p].value);
  }
  std::vector<Cotangent> answers(targets.size());
  for (size_t i = 0; i < targets.size(); ++i)
    if (const int at = targets[i] ? order.places.find(targets[i]) : -1; at >= 0) answers[i] = tangents[static_cast<size_t>(at)];
  return answers;
}

}  // namespace scoregrad
