// Small kernels that matrix products and factorisations need beside cuBLAS and cuSOLVER. Matrices are row-major and contiguous, `count` of
// them one after the other, unless a View says otherwise.
#pragma once
#include "autograd/backend/program.h"

namespace scoregrad::on_cuda {

/// out = a b for int64 (wrapping), any strides.
void integer_products(const View& out, const View& a, const View& b);
/// Zeros above the diagonals.
template <class T>
void clear_above_diagonal(T* a, int64_t n, int64_t count);
/// Cholesky factors in place of matrices of at most small_matrix rows, zeros above the diagonal; infos as LAPACK's potrf has them, and NaN
/// for what is not positive definite.
constexpr int small_matrix = 32;
template <class T>
void factor_small(T* a, int* infos, int64_t n, int64_t count);
/// *worst, which holds 0, becomes (2^31 - 1 - i) 2^32 + infos[i] for the first i with an info that is not 0.
void find_complaint(const int* infos, unsigned long long* worst, int64_t count);
/// first[i] = 1 + the place of the first zero on matrix i's diagonal, or 0.
template <class T>
void find_zero_diagonal(const T* a, int* first, int64_t n, int64_t count);
/// log |det| and its sign, from LU factors and their pivots (counted from 1).
template <class T>
void slogdet_of_factors(const T* factors, const int* pivots, T* logabs, T* sign, int64_t n, int64_t count);
/// flags[i] = n where matrix i holds an infinity or NaN, else 0.
template <class T>
void find_not_finite(const T* a, int* flags, int64_t n, int64_t count);
/// Turns the sign of each of `count` rows of n whose largest entry in size, the first of equals, is negative.
template <class T>
void make_largest_positive(T* rows, int64_t n, int64_t count);
/// pointers[i] = base + i * stride, as the batched functions of the libraries want them.
template <class T>
void point_at(T** pointers, T* base, int64_t stride, int64_t count);

}  // namespace scoregrad::on_cuda
