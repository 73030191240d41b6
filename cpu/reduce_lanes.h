// The inner loops of reduce, compiled once for each instruction set of the processor family and chosen at run time.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

/// The kernels of one combination over one type, in the order of autograd/backend/reduction_tree.h.
template <class T>
struct ReduceLanes {
  /// One chunk of 1 <= n <= 4096 contiguous elements.
  T (*run)(const T* x, int64_t n);
  /// `count` rows, `step` apart, of n elements, `within` apart, each to one element of out, `out_step` apart; n <= 64, or 32 unless within
  /// = 1.
  void (*rows)(const T* x, int64_t n, int64_t within, int64_t step, int64_t count, T* out, int64_t out_step);
  /// `count` blocks of n rows of `within` elements, all of which touch, each to `within` elements of out; 2 <= n <= 8, within <= 64.
  void (*blocks)(const T* x, int64_t n, int64_t within, int64_t count, T* out);
  /// One chunk of each of `width` neighbouring columns. Row k of 1 <= n <= 4096 starts at x + k * step, or x + offsets[k] where offsets are
  /// given; `lanes` is scratch for 64 * width elements.
  void (*columns)(const T* x, int64_t n, int64_t step, const int64_t* offsets, int64_t width, T* lanes, T* out);
  /// lanes[i] with x[i], for i < n.
  void (*combine)(T* lanes, const T* x, int64_t n);
};

/// kind is sum, prod, max or min; T is float, double, int64_t or uint8_t (bool, which has no sum).
template <class T>
ReduceLanes<T> reduce_lanes(Reduction kind);

}  // namespace scoregrad::on_cpu
