// Loops for kernels: a shape with the strides of its operands, in as few dimensions as these allow.
#pragma once
#include <vector>

#include "autograd/backend/program.h"
#include "cuda/loop.h"

namespace scoregrad::on_cuda {

/// A loop over any number of operands.
struct Nest {
  int rank = 0;
  int64_t extent[most_dims];
  std::vector<int64_t> stride;  // [operand][most_dims]

  int64_t& at(int operand, int d) { return stride[static_cast<size_t>(operand * most_dims + d)]; }
  int64_t at(int operand, int d) const { return stride[static_cast<size_t>(operand * most_dims + d)]; }
  int operands() const { return static_cast<int>(stride.size()) / most_dims; }
  int64_t count() const;
  /// What kernels read. Innermost steps of `width` elements become one iteration.
  Extents extents(int width = 1) const;
};

/// Dimensions of extent 1 go, neighbours that are one dimension for every operand join. With `lead` >= 0 the order is the one in which that
/// operand lies in memory, its largest stride outermost (a stride of 0 keeps its place); else it is row-major.
Nest nest_of(const Shape& shape, const Strides* const* strides, int operands, int lead);

/// The same for a number of operands that is known.
template <int N>
Loop<N> loop_of(const Shape& shape, const Strides* const (&strides)[N], int lead) {
  const Nest nest = nest_of(shape, strides, N, lead);
  Loop<N> loop{nest.extents(), {}};
  for (int n = 0; n < N; ++n)
    for (int d = 0; d < nest.rank; ++d) loop.stride[n][d] = nest.at(n, d);
  return loop;
}

}  // namespace scoregrad::on_cuda
