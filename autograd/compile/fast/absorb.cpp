// Reductions of programs. The program that makes what a reduction reads moves into it, so that the values in between are never stored; the
// order of the reduction is that of the values' shape, as before.
#include <algorithm>

#include "autograd/compile/passes.h"

namespace scoregrad::compiled {
namespace {

/// `p`, whose shape may lack extents of one, over `shape`. False where the shapes differ in more.
bool spread(const Place& p, const Shape& shape, Place& out) {
  out = p;
  out.shape = shape;
  out.strides = shape;
  int from = 0;
  for (int d = 0; d < shape.rank; ++d) {
    out.strides[d] = 0;
    if (shape[d] == 1) continue;
    while (from < p.shape.rank && p.shape[from] == 1) ++from;
    if (from == p.shape.rank || p.shape[from] != shape[d]) return false;
    out.strides[d] = p.strides[from++];
  }
  while (from < p.shape.rank && p.shape[from] == 1) ++from;
  return from == p.shape.rank;
}

bool same_elements(const Place& a, const Place& b) {
  if (a.buffer != b.buffer || a.offset != b.offset || a.dtype != b.dtype) return false;
  for (int d = 0; d < a.shape.rank; ++d)
    if (a.shape[d] != 1 && a.strides[d] != b.strides[d]) return false;
  return true;
}

/// The reduction with the program in front of it; false where it cannot have one.
bool join(const Call& made, const Call& reduction, Call& out) {
  const Shape& shape = reduction.in[0].shape;
  Place result;
  if (numel(shape) == 0 || !spread(made.out[0], shape, result) || !same_elements(result, reduction.in[0])) return false;
  out = reduction;
  const auto& reduce = as<calls::Reduce>(reduction);
  out.what = calls::ReduceProgram{reduce.kind, {}, {}, {}, {}, reduce.axes};
  out.in.clear();
  for (const Place& p : made.in) {
    Place operand;
    if (!spread(p, shape, operand)) return false;
    out.in.push_back(operand);
  }
  out.dtype = made.dtype;
  out.immediates = made.immediates;
  out.code = made.code;
  out.results = made.results;
  return true;
}

}  // namespace

Sequence absorb(Sequence s) {
  const std::vector<char> value = values(s);
  std::vector<std::vector<size_t>> readers(s.buffers.size());
  for (size_t i = 0; i < s.calls.size(); ++i)
    for (const Place& p : s.calls[i].in)
      if (p.buffer != none) readers[p.buffer].push_back(i);

  std::vector<char> moved(s.calls.size());
  for (size_t i = 0; i < s.calls.size(); ++i) {
    const Call& made = s.calls[i];
    if (!is<calls::Elementwise>(made) || made.code.empty() || made.in.empty() || made.out.size() != 1 || s.once[i]) continue;
    if (!made.backend->has<calls::ReduceProgram>() || made.out[0].buffer == none) continue;
    const size_t b = made.out[0].buffer;
    if (!value[b] || lasts(s.buffers[b]) || readers[b].size() != 1) continue;
    const size_t at = readers[b][0];
    if (!is<calls::Reduce>(s.calls[at]) || s.calls[at].backend != made.backend || s.once[at]) continue;
    // What the program reads must still be there when the reduction runs.
    bool overwritten = false;
    for (size_t k = i + 1; k < at; ++k)
      for (const Place& p : s.calls[k].out)
        overwritten = overwritten || std::any_of(made.in.begin(), made.in.end(), [&](const Place& q) { return q.buffer == p.buffer; });
    Call whole;
    if (overwritten || !join(made, s.calls[at], whole)) continue;
    s.calls[at] = std::move(whole);
    moved[i] = 1;
  }

  Sequence out = s;
  out.calls.clear();
  out.once.clear();
  for (size_t i = 0; i < s.calls.size(); ++i)
    if (!moved[i]) {
      out.calls.push_back(std::move(s.calls[i]));
      out.once.push_back(s.once[i]);
    }
  return out;
}

}  // namespace scoregrad::compiled
