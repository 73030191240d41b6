// A loop nest over a common shape with the strides of N operands, in as few dimensions as those strides allow.
#pragma once
#include <cstdlib>

#include "autograd/backend/shape.h"

namespace scoregrad::on_cpu {

template <int N>
struct Loop {
  int rank = 0;
  int64_t extent[max_rank];
  int64_t stride[N][max_rank];

  /// Adds a dimension inside the present ones; where both together are one longer dimension for every operand, they become it.
  void push_inner(int64_t e, const int64_t (&s)[N]) {
    if (e == 1) return;
    bool joins = rank > 0;
    for (int n = 0; n < N && joins; ++n) joins = stride[n][rank - 1] == s[n] * e;
    if (joins) {
      extent[rank - 1] *= e;
    } else {
      extent[rank++] = e;
    }
    for (int n = 0; n < N; ++n) stride[n][rank - 1] = s[n];
  }
  /// The number of iterations of the outermost `dims` dimensions.
  int64_t count(int dims) const {
    int64_t n = 1;
    for (int d = 0; d < dims; ++d) n *= extent[d];
    return n;
  }
  int64_t count() const { return count(rank); }
  /// Operand n's stride along the innermost dimension.
  int64_t inner(int n) const { return rank > 0 ? stride[n][rank - 1] : 0; }
};

/// The loop over `shape` in row-major order.
template <int N>
Loop<N> ordered_loop(const Shape& shape, const Strides* const (&strides)[N]) {
  Loop<N> loop;
  for (int d = 0; d < shape.rank; ++d) {
    int64_t s[N];
    for (int n = 0; n < N; ++n) s[n] = strides[n]->at[d];
    loop.push_inner(shape.at[d], s);
  }
  return loop;
}

/// The loop over `shape` in the order that suits operand `first`: its smallest stride innermost.
template <int N>
Loop<N> free_loop(const Shape& shape, const Strides* const (&strides)[N], int first = 0) {
  int order[max_rank];
  int count = 0;
  for (int d = 0; d < shape.rank; ++d) {
    if (shape.at[d] == 1) continue;
    int at = count++;
    const int64_t s = std::abs(strides[first]->at[d]);
    // A repeated operand (stride 0) says nothing about order: it keeps its place.
    for (; at > 0 && s != 0 && std::abs(strides[first]->at[order[at - 1]]) < s; --at) order[at] = order[at - 1];
    order[at] = d;
  }
  Loop<N> loop;
  for (int i = 0; i < count; ++i) {
    int64_t s[N];
    for (int n = 0; n < N; ++n) s[n] = strides[n]->at[order[i]];
    loop.push_inner(shape.at[order[i]], s);
  }
  return loop;
}

/// Walks the outermost `dims` dimensions of a loop from iteration `start` on; `offset[n]` is where operand n stands.
template <int N>
struct Cursor {
  const Loop<N>& loop;
  int dims;
  int64_t at[max_rank];
  int64_t offset[N] = {};

  Cursor(const Loop<N>& l, int outer, int64_t start) : loop(l), dims(outer) {
    for (int d = dims - 1; d >= 0; --d) {
      at[d] = start % loop.extent[d];
      start /= loop.extent[d];
      for (int n = 0; n < N; ++n) offset[n] += at[d] * loop.stride[n][d];
    }
  }
  void next() {
    for (int d = dims - 1; d >= 0; --d) {
      for (int n = 0; n < N; ++n) offset[n] += loop.stride[n][d];
      if (++at[d] < loop.extent[d]) return;
      for (int n = 0; n < N; ++n) offset[n] -= loop.extent[d] * loop.stride[n][d];
      at[d] = 0;
    }
  }
};

/// Iterations [begin, end) of a loop as runs along its innermost dimension: f(offset, n) with each operand's offset at the start of n
/// steps.
template <int N, class F>
void for_runs(const Loop<N>& loop, int64_t begin, int64_t end, F&& f) {
  if (begin >= end) return;
  const int last = loop.rank - 1;
  const int64_t length = loop.rank > 0 ? loop.extent[last] : 1;
  Cursor<N> cursor(loop, loop.rank > 0 ? last : 0, begin / length);
  for (int64_t skip = begin % length; begin < end; skip = 0, cursor.next()) {
    const int64_t n = length - skip < end - begin ? length - skip : end - begin;
    int64_t offset[N];
    for (int i = 0; i < N; ++i) offset[i] = cursor.offset[i] + skip * loop.inner(i);
    f(offset, n);
    begin += n;
  }
}

}  // namespace scoregrad::on_cpu
