// Fusion. Calls are dealt into groups that keep the order of all reads and writes; a group of elementwise calls over one shape is one
// program, in which a result that a later member reads is a register.
#include <algorithm>

#include "autograd/compile/joint.h"
#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

// Shapes below this many elements are bound by the calls, not by memory: they share a program whether or not they share operands.
constexpr int64_t few_elements = 4096;
// What is hardly more than a number: a rate, a counter.
constexpr int64_t hardly_any = 16;

struct Group {
  std::vector<size_t> members = {};
  bool open = false;  // elementwise: more may join
  bool once = false;
  Shape shape = {};
  DType dtype = DType::float32;
  const Backend* backend = nullptr;
  size_t instructions = 0;
  std::vector<Place> loads = {}, stores = {};  // distinct; what a member stores, a later one need not load
};

struct AccessNote {
  size_t group;
  Place place;
  bool write;
};

// The smallest calls stand right after what they wait for: a rate between two passes over a large array would keep these apart.
Sequence hoisted(Sequence s) {
  std::vector<size_t> key(s.calls.size()), order(s.calls.size());
  std::vector<size_t> written(s.buffers.size()),
      touched(s.buffers.size());  // by buffer: the largest key of its writers, of all that use it
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const Call& c = s.calls[i];
    key[i] = c.out.empty() || numel(c.out[0].shape) > hardly_any ? i : 0;
    for (const Place& p : c.in)
      if (p.buffer != none) key[i] = std::max(key[i], written[p.buffer]);
    for (const Place& p : c.out)
      if (p.buffer != none) key[i] = std::max(key[i], touched[p.buffer]);
    for (const Place& p : c.in)
      if (p.buffer != none) touched[p.buffer] = std::max(touched[p.buffer], key[i]);
    for (const Place& p : c.out)
      if (p.buffer != none) touched[p.buffer] = written[p.buffer] = key[i];
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key[a] < key[b]; });
  Sequence out = s;
  for (size_t i = 0; i < order.size(); ++i) out.calls[i] = s.calls[order[i]], out.once[i] = s.once[order[i]];
  return out;
}

bool has(const std::vector<Place>& places, const Place& p) { return std::find(places.begin(), places.end(), p) != places.end(); }

// The call and the group touch the same elements of some array, so that together they touch memory less often.
bool meets(const Group& g, const Call& c) {
  const auto shared = [&](const Place& p) {
    const Place q = squeezed(p);
    const bool repeats = std::any_of(q.strides.begin(), q.strides.end(), [](int64_t s) { return s == 0; });
    return !repeats && (has(g.loads, q) || has(g.stores, q));
  };
  return std::any_of(c.in.begin(), c.in.end(), shared) || std::any_of(c.out.begin(), c.out.end(), shared);
}

std::vector<Group> deal(const Sequence& s) {
  std::vector<Group> groups;
  std::vector<std::vector<AccessNote>> notes(s.buffers.size());
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const Call& c = s.calls[i];
    const bool once = s.once[i];
    const bool open = !once && is_elementwise(c);
    const Shape shape = squeezed(c.out[0]).shape;
    const DType dtype = arithmetic(c);
    const auto fits = [&](const Group& g) {
      return g.open && g.dtype == dtype && g.backend == c.backend && g.shape == shape &&
             g.instructions + c.code.size() <= most_instructions && g.loads.size() + c.in.size() <= most_loads;
    };
    size_t first = 0;  // the earliest group it may join or stand before
    const auto follow = [&](const Place& p, bool write) {
      if (p.buffer == none) return;
      for (const AccessNote& n : notes[p.buffer]) {
        if (!write && !n.write) continue;
        const bool together = open && squeezed(p) == n.place && fits(groups[n.group]);
        first = std::max(first, together ? n.group : n.group + 1);
      }
    };
    for (const Place& p : c.in) follow(p, false);
    for (const Place& p : c.out) follow(p, true);

    size_t home = none;
    if (open)
      for (size_t g = first; g < groups.size() && home == none; ++g)
        if (fits(groups[g]) && (numel(shape) <= few_elements || meets(groups[g], c))) home = g;
    if (home == none) {
      home = groups.size();
      groups.push_back({.open = open, .once = once, .shape = shape, .dtype = dtype, .backend = c.backend});
    }
    Group& g = groups[home];
    g.members.push_back(i);
    g.instructions += c.code.size();
    const auto join = [&](const Place& p, bool write) {
      if (p.buffer == none) return;
      const Place q = squeezed(p);
      notes[p.buffer].push_back({home, q, write});
      if (write ? !has(g.stores, q) : !has(g.stores, q) && !has(g.loads, q)) (write ? g.stores : g.loads).push_back(q);
    };
    for (const Place& p : c.in) join(p, false);
    for (const Place& p : c.out) join(p, true);
  }
  return groups;
}

}  // namespace

Sequence fuse(Sequence recorded) {
  const Sequence s = hoisted(std::move(recorded));
  const std::vector<char> value = values(s);
  const std::vector<const Call*> filled = fills(s);
  const std::vector<Group> groups = deal(s);
  // The groups that read each buffer: a temporary that only its own group reads needs no memory.
  std::vector<std::vector<size_t>> readers(s.buffers.size());
  for (size_t g = 0; g < groups.size(); ++g)
    for (size_t i : groups[g].members)
      for (const Place& p : s.calls[i].in)
        if (p.buffer != none) readers[p.buffer].push_back(g);

  Sequence fused = s;
  fused.calls.clear();
  fused.once.clear();
  for (size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    const Call& first = s.calls[group.members[0]];
    const auto needed = [&](const Place& p) {
      const size_t b = p.buffer;
      if (!value[b] || lasts(s.buffers[b])) return true;
      return std::any_of(readers[b].begin(), readers[b].end(), [&](size_t r) { return r != g; });
    };
    if (!group.open || (group.members.size() == 1 && is<calls::Copy>(first))) {
      fused.calls.push_back(first);
    } else {
      JointProgram program(filled);
      for (size_t i : group.members) program.add(s.calls[i]);
      Call c = program.finish(first, group.dtype, needed);
      if (c.out.empty()) continue;
      if (c.code.empty() && c.out.size() == 1 && c.in.size() == 1) {  // nothing is left but a copy
        c.what = calls::Copy{};
        c.results.clear();
      }
      fused.calls.push_back(std::move(c));
    }
    fused.once.push_back(group.once);
  }
  return fused;
}

}  // namespace scoregrad::compiled
