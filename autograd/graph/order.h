// The bookkeeping of a sweep: which nodes it visits, in which order, and what it knows of each.
#pragma once
#include <cstddef>
#include <memory_resource>
#include <span>
#include <vector>

#include "autograd/graph/node.h"

namespace scoregrad {

/// What a sweep needs besides its answers lies on the stack while the graph is small.
class Arena {
 public:
  std::pmr::memory_resource* room() { return &resource_; }

 private:
  alignas(std::max_align_t) std::byte bytes_[4096];
  std::pmr::monotonic_buffer_resource resource_{bytes_, sizeof bytes_};
};

/// From node to its place in the sweep: open addressing, because the sweep of a small graph costs less than a map's allocations. A mark on
/// the nodes would be faster still, and two threads that sweep over a shared parameter would race for it.
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
  void grow();
  size_t mask_ = 31, used_ = 0;
  std::pmr::vector<Slot> slots_;
};

/// A node and what this sweep knows of it.
struct Step {
  Node* node = nullptr;
  Cotangent flow;         // its cotangent or tangent
  int first_operand = 0;  // where its operands' places begin
  bool is_end = false;
  bool useful = false;  // an end, or one lies below: what flows here is wanted
};

/// The nodes from which `roots` were computed and that are not older than the oldest of `ends`, by ascending id: operands come first. With
/// `cut`, nothing past an end is visited.
class Order {
 public:
  Order(std::span<Node* const> roots, std::span<Node* const> ends, bool cut);
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  size_t size() const { return steps_.size(); }
  Step& operator[](size_t i) { return steps_[i]; }
  /// Operand k of a step; null where it is outside the sweep.
  Step* operand(const Step& s, size_t k) { return step(operands_[static_cast<size_t>(s.first_operand) + k]); }
  /// Adds what is given at `nodes`.
  void put(std::span<Node* const> nodes, std::span<const Cotangent> flows);
  /// What has arrived at `nodes`; one that is named twice has one answer.
  std::vector<Cotangent> at(std::span<Node* const> nodes);
  std::pmr::memory_resource* room() { return arena_.room(); }

 private:
  Step* step(int place) { return place < 0 ? nullptr : &steps_[static_cast<size_t>(place)]; }
  Step* find(const Node* n) { return n ? step(places_.find(n)) : nullptr; }
  Arena arena_;
  Places places_{room()};
  std::pmr::vector<Step> steps_{room()};
  std::pmr::vector<int> operands_{room()};  // places, -1 where an operand is outside the sweep
};

/// All nodes from which `roots` were computed with ids of at least `oldest`, by ascending id.
std::vector<Node*> reachable(std::span<Node* const> roots, uint64_t oldest = 0);

}  // namespace scoregrad
