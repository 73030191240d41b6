// Recomputation. What one program stores only for later ones is computed there again where a few cheap instructions on what is still in
// memory suffice: an addition costs a tenth of a load.
#include <algorithm>

#include "autograd/compile/joint.h"
#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

bool is_program(const Sequence& s, size_t i) { return is<calls::Elementwise>(s.calls[i]) && !s.once[i]; }

size_t streams(const Call& c) {  // what is read in full; what repeats stays in cache
  return static_cast<size_t>(std::count_if(c.in.begin(), c.in.end(), [](const Place& p) {
    return std::none_of(p.strides.begin(), p.strides.end(), [](int64_t v) { return v == 0; });
  }));
}

class Recomputation {
 public:
  explicit Recomputation(Sequence& s)
      : s_(s), filled_(fills(s)), value_(values(s)), readers_(s.buffers.size()), writers_(s.buffers.size()) {
    for (size_t i = 0; i < s.calls.size(); ++i) {
      for (const Place& p : s.calls[i].in)
        if (p.buffer != none) readers_[p.buffer].push_back(i);
      for (const Place& p : s.calls[i].out)
        if (p.buffer != none) writers_[p.buffer].push_back(i);
    }
  }

  void run() {
    for (size_t i = 0; i < s_.calls.size(); ++i)
      if (is_program(s_, i)) move_out_of(i);
  }

 private:
  // What call i stores only for later programs over its shape goes, where each of them can compute it and reads no more than before.
  void move_out_of(size_t i) {
    const Call made = s_.calls[i];
    std::vector<char> movable(made.out.size());
    for (size_t k = 0; k < made.out.size(); ++k) movable[k] = is_private(i, made.out[k]);
    keep_what_is_dear(made, movable);
    for (size_t k = 0; k < made.out.size(); ++k)
      if (movable[k] && !lies_unchanged(i, made.in, made.out[k])) movable[k] = 0;

    std::vector<size_t> targets;
    for (size_t k = 0; k < made.out.size(); ++k)
      if (movable[k])
        for (size_t r : readers_[made.out[k].buffer])
          if (std::find(targets.begin(), targets.end(), r) == targets.end()) targets.push_back(r);
    if (targets.empty()) return;
    const Call part = rest_of(made, movable);
    std::vector<Call> replaced;
    for (size_t t : targets) {
      Call c = joined(part, t);
      if (c.code.size() > most_instructions || c.in.size() > most_loads || streams(c) > streams(s_.calls[t])) return;
      replaced.push_back(std::move(c));
    }
    for (size_t t = 0; t < targets.size(); ++t) {
      reroute(targets[t], replaced[t]);
      s_.calls[targets[t]] = std::move(replaced[t]);
    }
    JointProgram rest(filled_);
    rest.add(made);
    s_.calls[i] = rest.finish(made, made.dtype, [&](const Place& p) {
      const auto at = std::find(made.out.begin(), made.out.end(), p);
      return !movable[static_cast<size_t>(at - made.out.begin())];
    });
  }

  // Only programs over the same shape read it, as it was stored.
  bool is_private(size_t i, const Place& p) const {
    const size_t b = p.buffer;
    if (!value_[b] || lasts(s_.buffers[b]) || readers_[b].empty()) return false;
    return std::all_of(readers_[b].begin(), readers_[b].end(), [&](size_t r) {
      const Call& c = s_.calls[r];
      return is_program(s_, r) && c.dtype == s_.calls[i].dtype && c.backend == s_.calls[i].backend && c.out[0].shape == p.shape &&
             std::all_of(c.in.begin(), c.in.end(), [&](const Place& q) { return q.buffer != p.buffer || q == p; });
    });
  }

  // Once written it keeps its contents to the step's end.
  bool lies_still(const Place& p) const { return p.buffer != none && value_[p.buffer]; }

  // A result stays stored if it takes an instruction that costs more than a load, counted from what stays stored before it.
  void keep_what_is_dear(const Call& made, std::vector<char>& movable) const {
    const size_t known = made.in.size() + made.immediates.size();
    std::vector<char> dear(known + made.code.size());
    for (size_t n = 0; n < made.code.size(); ++n) {
      const Instr& x = made.code[n];
      const int operands = arity(row(x.op).form);
      dear[known + n] = row(x.op).again == Again::dear || dear[x.a] || (operands > 1 && dear[x.b]) || (operands > 2 && dear[x.c]);
      for (size_t k = 0; k < made.out.size(); ++k)
        if (made.results[k] == x.out && dear[known + n] && lies_still(made.out[k])) movable[k] = 0, dear[known + n] = 0;
    }
    for (size_t k = 0; k < made.out.size(); ++k) {
      if (dear[made.results[k]]) movable[k] = 0;
    }
  }

  // Call i's program with what stays stored as operands; its results are what moves.
  Call rest_of(const Call& made, const std::vector<char>& movable) const {
    Call part = made;
    part.in.clear(), part.code.clear(), part.out.clear(), part.results.clear();
    const size_t loads = made.in.size(), known = loads + made.immediates.size();
    std::vector<Place> kept;
    std::vector<size_t> operand(known + made.code.size(), none);  // a register that stays stored -> its place among `kept`
    for (size_t k = 0; k < made.out.size(); ++k)
      if (!movable[k] && made.results[k] >= known && lies_still(made.out[k])) {
        operand[made.results[k]] = kept.size();
        kept.push_back(made.out[k]);
      }
    part.in = made.in;
    part.in.insert(part.in.end(), kept.begin(), kept.end());
    const auto number = [&](uint16_t r) {
      if (r < loads) return r;
      if (operand[r] != none) return static_cast<uint16_t>(loads + operand[r]);
      return static_cast<uint16_t>(r + kept.size());
    };
    for (const Instr& x : made.code)
      part.code.push_back({x.op, static_cast<uint16_t>(x.out + kept.size()), number(x.a), number(x.b), number(x.c)});
    for (size_t k = 0; k < made.out.size(); ++k)
      if (movable[k]) {
        part.out.push_back(made.out[k]);
        part.results.push_back(number(made.results[k]));
      }
    return part;
  }

  // What call i reads is unchanged when the readers of its result run.
  bool lies_unchanged(size_t i, const std::vector<Place>& in, const Place& result) const {
    for (size_t r : readers_[result.buffer])
      for (const Place& p : in) {
        if (p.buffer == none) continue;
        for (size_t w : writers_[p.buffer])
          if (w >= i && w <= r) return false;
      }
    return true;
  }

  Call joined(const Call& part, size_t reader) const {
    const Call& c = s_.calls[reader];
    JointProgram both(filled_);
    both.add(part);
    both.add(c);
    return both.finish(c, c.dtype, [&](const Place& p) { return std::find(c.out.begin(), c.out.end(), p) != c.out.end(); });
  }

  // Call i reads what c reads.
  void reroute(size_t i, const Call& c) {
    for (const Place& p : s_.calls[i].in)
      if (p.buffer != none) {
        auto& list = readers_[p.buffer];
        list.erase(std::remove(list.begin(), list.end(), i), list.end());
      }
    for (const Place& p : c.in)
      if (p.buffer != none) readers_[p.buffer].push_back(i);
  }

  Sequence& s_;
  std::vector<const Call*> filled_;
  std::vector<char> value_;
  std::vector<std::vector<size_t>> readers_, writers_;  // by buffer
};

}  // namespace

Sequence recompute(Sequence s) {
  Recomputation(s).run();
  return s;
}

}  // namespace scoregrad::compiled
