// One matrix product on one thread, by the fastest library at hand.
#pragma once
#include <cstdint>

namespace scoregrad::on_cpu {

/// Element (i, j) is data[i * row + j * column].
template <class T>
struct Matrix {
  T* data;
  int64_t row, column;

  T& at(int64_t i, int64_t j) const { return data[i * row + j * column]; }
};

/// c = a b with a [m, k], b [k, n], k >= 1; any strides, but only rows or columns that lie together are fast. T is float, double or
/// int64_t. Throws Error where a limit of the address space leaves too little to the library that would compute it.
template <class T>
void gemm(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k);

/// OpenBLAS has threads of its own; from the first call on they stay idle, since ours divide the work.
void keep_blas_on_one_thread();

}  // namespace scoregrad::on_cpu
