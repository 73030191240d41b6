// Fusion. Calls are dealt into groups that keep the order of all reads and writes; a group of elementwise calls over one shape is one
// program, in which a result that a later member reads is a register.
#include <algorithm>

#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

constexpr size_t most_instructions = 96, most_loads = 16;

// Extents of one decide nothing: they are left out, so that [64, 1, 2] and [64, 2] meet.
Place squeezed(const Place& p) {
  Place q = p;
  q.shape = {}, q.strides = {};
  for (int i = 0; i < p.shape.rank; ++i) {
    if (p.shape[i] == 1) continue;
    q.shape.push_back(p.shape[i]);
    q.strides.push_back(p.strides[i]);
  }
  return q;
}

// A copy within one element type is a program of no instruction.
bool is_elementwise(const Call& c) {
  return c.entry == Entry::elementwise || (c.entry == Entry::copy && c.in[0].dtype == c.out[0].dtype && c.in[0].buffer >= 0);
}
DType arithmetic(const Call& c) { return c.entry == Entry::copy ? c.in[0].dtype : c.dtype; }

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
  int group;
  Place place;
  bool write;
};

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
    int first = 0;  // the earliest group it may join or stand before
    const auto follow = [&](const Place& p, bool write) {
      if (p.buffer < 0) return;
      for (const AccessNote& n : notes[static_cast<size_t>(p.buffer)]) {
        if (!write && !n.write) continue;
        const bool together = open && squeezed(p) == n.place && fits(groups[static_cast<size_t>(n.group)]);
        first = std::max(first, together ? n.group : n.group + 1);
      }
    };
    for (const Place& p : c.in) follow(p, false);
    for (const Place& p : c.out) follow(p, true);

    int home = -1;
    if (open)
      for (int g = first; g < static_cast<int>(groups.size()) && home < 0; ++g)
        if (fits(groups[static_cast<size_t>(g)])) home = g;
    if (home < 0) {
      home = static_cast<int>(groups.size());
      groups.push_back({.open = open, .once = once, .shape = shape, .dtype = dtype, .backend = c.backend});
    }
    Group& g = groups[static_cast<size_t>(home)];
    g.members.push_back(i);
    g.instructions += c.code.size();
    const auto join = [&](const Place& p, bool write) {
      if (p.buffer < 0) return;
      const Place q = squeezed(p);
      notes[static_cast<size_t>(p.buffer)].push_back({home, q, write});
      const auto has = [&](const std::vector<Place>& list) { return std::find(list.begin(), list.end(), q) != list.end(); };
      if (write ? !has(g.stores) : !has(g.stores) && !has(g.loads)) (write ? g.stores : g.loads).push_back(q);
    };
    for (const Place& p : c.in) join(p, false);
    for (const Place& p : c.out) join(p, true);
  }
  return groups;
}

// Builds the program of a group. Registers are numbered by kind first and put in a Program's order at the end.
class Fused {
 public:
  explicit Fused(const std::vector<const Call*>& filled) : filled_(filled) {}

  void add(const Call& c) {
    std::vector<int> local;  // the call's registers as ours
    for (const Place& p : c.in) local.push_back(load(squeezed(p)));
    if (c.entry == Entry::copy) {
      store(squeezed(c.out[0]), local[0]);
      return;
    }
    for (const Immediate& v : c.immediates) local.push_back(immediate(v));
    for (const Instr& i : c.code) {
      const auto at = [&](uint16_t r) { return r < local.size() ? local[r] : local[0]; };
      code_.push_back({i.op, at(i.a), at(i.b), at(i.c), arity(row(i.op).form)});
      local.push_back(instruction_base + static_cast<int>(code_.size()) - 1);
    }
    for (size_t k = 0; k < c.out.size(); ++k) store(squeezed(c.out[k]), local[c.results[k]]);
  }

  // `needed(place)` says whether a result must be stored.
  template <class Needed>
  Call finish(const Call& model, DType dtype, Needed needed) {
    Call c{.entry = Entry::elementwise, .backend = model.backend, .at = model.at};
    c.dtype = dtype;
    std::vector<std::pair<Place, int>> stores;
    for (const auto& [p, r] : stores_)
      if (needed(p)) stores.emplace_back(p, r);
    prune(stores);
    for (const Place& p : loads_) c.in.push_back(p);
    c.immediates = immediates_;
    const auto number = [&](int r) -> uint16_t {
      const auto loads = static_cast<int>(loads_.size()), constants = static_cast<int>(immediates_.size());
      if (r >= instruction_base) return static_cast<uint16_t>(loads + constants + r - instruction_base);
      if (r >= immediate_base) return static_cast<uint16_t>(loads + r - immediate_base);
      return static_cast<uint16_t>(r);
    };
    for (size_t k = 0; k < code_.size(); ++k)
      c.code.push_back(
          {code_[k].op, number(instruction_base + static_cast<int>(k)), number(code_[k].a), number(code_[k].b), number(code_[k].c)});
    for (const auto& [p, r] : stores) {
      c.out.push_back(p);
      c.results.push_back(number(r));
    }
    return c;
  }

 private:
  static constexpr int immediate_base = 1 << 16, instruction_base = 1 << 17;
  struct Symbolic {
    Op op;
    int a, b, c, arity;
  };

  int load(const Place& p) {
    for (size_t k = stores_.size(); k-- > 0;)
      if (stores_[k].first == p) return stores_[k].second;
    if (p.buffer >= 0 && filled_[static_cast<size_t>(p.buffer)] && p.dtype != DType::boolean)
      return immediate(filled_[static_cast<size_t>(p.buffer)]->immediates[0]);
    for (size_t k = 0; k < loads_.size(); ++k)
      if (loads_[k] == p) return static_cast<int>(k);
    loads_.push_back(p);
    return static_cast<int>(loads_.size()) - 1;
  }
  int immediate(Immediate v) {
    for (size_t k = 0; k < immediates_.size(); ++k)
      if (std::equal(reinterpret_cast<const char*>(&v), reinterpret_cast<const char*>(&v + 1),
                     reinterpret_cast<const char*>(&immediates_[k])))
        return immediate_base + static_cast<int>(k);
    immediates_.push_back(v);
    return immediate_base + static_cast<int>(immediates_.size()) - 1;
  }
  void store(const Place& p, int r) {
    for (auto& [place, last] : stores_)
      if (place == p) {
        last = r;
        return;
      }
    stores_.emplace_back(p, r);
  }

  // Leaves out what no stored result depends on.
  void prune(std::vector<std::pair<Place, int>>& stores) {
    std::vector<char> used(code_.size()), loaded(loads_.size()), held(immediates_.size());
    const auto mark = [&](int r) {
      if (r >= instruction_base)
        used[static_cast<size_t>(r - instruction_base)] = 1;
      else if (r >= immediate_base)
        held[static_cast<size_t>(r - immediate_base)] = 1;
      else
        loaded[static_cast<size_t>(r)] = 1;
    };
    for (const auto& [p, r] : stores) mark(r);
    for (size_t k = code_.size(); k-- > 0;) {
      if (!used[k]) continue;
      mark(code_[k].a);
      if (code_[k].arity > 1) mark(code_[k].b);
      if (code_[k].arity > 2) mark(code_[k].c);
    }
    const auto compress = [](auto& list, const std::vector<char>& keep, int base) {
      std::vector<int> where(list.size());
      size_t n = 0;
      for (size_t k = 0; k < list.size(); ++k) {
        where[k] = base + static_cast<int>(n);
        if (keep[k]) list[n++] = list[k];
      }
      list.resize(n);
      return where;
    };
    for (size_t k = 0; k < code_.size(); ++k) {  // an operand that the op does not have names one that it has
      if (code_[k].arity < 2) code_[k].b = code_[k].a;
      if (code_[k].arity < 3) code_[k].c = code_[k].a;
    }
    const std::vector<int> l = compress(loads_, loaded, 0), v = compress(immediates_, held, immediate_base),
                           o = compress(code_, used, instruction_base);
    const auto moved = [&](int r) {
      return r >= instruction_base ? o[static_cast<size_t>(r - instruction_base)]
             : r >= immediate_base ? v[static_cast<size_t>(r - immediate_base)]
                                   : l[static_cast<size_t>(r)];
    };
    for (Symbolic& i : code_) i.a = moved(i.a), i.b = moved(i.b), i.c = moved(i.c);
    for (auto& [p, r] : stores) r = moved(r);
  }

  const std::vector<const Call*>& filled_;  // by buffer: the fill that made it, if nothing else writes it
  std::vector<Place> loads_;
  std::vector<Immediate> immediates_;
  std::vector<Symbolic> code_;
  std::vector<std::pair<Place, int>> stores_;
};

}  // namespace

Sequence fuse(Sequence s) {
  const std::vector<char> value = values(s);
  std::vector<const Call*> filled(s.buffers.size());
  for (const Call& c : s.calls)
    if (c.entry == Entry::fill && c.out[0].buffer >= 0 && value[static_cast<size_t>(c.out[0].buffer)])
      filled[static_cast<size_t>(c.out[0].buffer)] = &c;

  const std::vector<Group> groups = deal(s);
  // The groups that read each buffer: a temporary that only its own group reads needs no memory.
  std::vector<std::vector<int>> readers(s.buffers.size());
  for (size_t g = 0; g < groups.size(); ++g)
    for (size_t i : groups[g].members)
      for (const Place& p : s.calls[i].in)
        if (p.buffer >= 0) readers[static_cast<size_t>(p.buffer)].push_back(static_cast<int>(g));

  Sequence fused = s;
  fused.calls.clear();
  fused.once.clear();
  for (size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    const Call& first = s.calls[group.members[0]];
    const auto needed = [&](const Place& p) {
      const auto b = static_cast<size_t>(p.buffer);
      if (!value[b] || lasts(s.buffers[b])) return true;
      return std::any_of(readers[b].begin(), readers[b].end(), [&](int r) { return r != static_cast<int>(g); });
    };
    if (!group.open || (group.members.size() == 1 && first.entry == Entry::copy)) {
      fused.calls.push_back(first);
    } else {
      Fused program(filled);
      for (size_t i : group.members) program.add(s.calls[i]);
      Call c = program.finish(first, group.dtype, needed);
      if (c.out.empty()) continue;
      if (c.code.empty() && c.out.size() == 1 && c.in.size() == 1) {  // nothing is left but a copy
        c.entry = Entry::copy;
        c.results.clear();
      }
      fused.calls.push_back(std::move(c));
    }
    fused.once.push_back(group.once);
  }
  return fused;
}

}  // namespace scoregrad::compiled
