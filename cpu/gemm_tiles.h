// The inner loops of our own matrix products, compiled once for each instruction set and chosen at run time.
#pragma once
#include "cpu/gemm.h"

namespace scoregrad::on_cpu {

/// In both products the order in which an element is summed does not depend on the width of the registers.
template <class T>
struct GemmTiles {
  /// c = a b, or c += a b, for b with contiguous rows: each element is the fused sum over k in order.
  void (*rows)(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k, bool add);
  /// The same for contiguous rows of a and contiguous columns of b: each element has 64 bytes of lanes, lane l sums the inner indices that
  /// are l modulo their number, and halves of the lanes are added until one is left.
  void (*dots)(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k, bool add);
  /// to[i * distance + j] = from(i, j).
  void (*pack)(T* to, int64_t distance, const Matrix<const T>& from, int64_t rows, int64_t columns);
};

/// T is float or double; null where the instruction set has no vectors.
template <class T>
const GemmTiles<T>* gemm_tiles();

}  // namespace scoregrad::on_cpu
