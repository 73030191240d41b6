#include "cuda/matrix_kernels.h"

#include "cuda/launch.h"

namespace scoregrad::on_cuda {

namespace {

constexpr int threads = 256;
constexpr int64_t most_blocks = 0x7fffffff;  // set_pointers takes one matrix a thread

/// The extents around a product and what one step along each does to the offsets of out, a and b.
struct Batch {
  int rank;
  int64_t extent[max_rank], stride[3][max_rank];
};

__global__ void multiply_integers(int64_t* out, const int64_t* a, const int64_t* b, Batch batch, int64_t total, int64_t m, int64_t n,
                                  int64_t k, int64_t out_row, int64_t out_column, int64_t a_row, int64_t a_column, int64_t b_row,
                                  int64_t b_column) {
  for (int64_t e = blockIdx.x * int64_t{threads} + threadIdx.x; e < total; e += int64_t{gridDim.x} * threads) {
    const int64_t j = e % n, i = e / n % m;
    int64_t rest = e / n / m, at[3] = {i * out_row + j * out_column, i * a_row, j * b_column};
    for (int d = batch.rank - 1; d >= 0; --d) {
      const int64_t place = rest % batch.extent[d];
      rest /= batch.extent[d];
      for (int o = 0; o < 3; ++o) at[o] += place * batch.stride[o][d];
    }
    uint64_t sum = 0;
    for (int64_t p = 0; p < k; ++p) sum += static_cast<uint64_t>(a[at[1] + p * a_column]) * static_cast<uint64_t>(b[at[2] + p * b_row]);
    out[at[0]] = static_cast<int64_t>(sum);
  }
}

template <class T>
__global__ void clear_above(T* a, int64_t n, int64_t total) {
  for (int64_t e = blockIdx.x * int64_t{threads} + threadIdx.x; e < total; e += int64_t{gridDim.x} * threads)
    if (e % n > e / n % n) a[e] = T(0);
}

// A block of 32 threads a matrix, a thread a row: column by column in shared memory, each element minus its inner products in order.
template <class T>
__global__ void factor_columns(T* a, int* infos, int n, int64_t count) {
  __shared__ T m[small_matrix][small_matrix + 1];
  const int row = static_cast<int>(threadIdx.x);
  for (int64_t i = blockIdx.x; i < count; i += gridDim.x) {
    T* matrix = a + i * n * n;
    for (int e = row; e < n * n; e += small_matrix) m[e / n][e % n] = matrix[e];
    __syncthreads();
    int info = 0;
    for (int j = 0; j < n && info == 0; ++j) {
      T rest = T(0);
      if (row >= j && row < n) {
        rest = m[row][j];
        for (int k = 0; k < j; ++k) rest -= m[row][k] * m[j][k];
      }
      __syncthreads();
      if (row == j) m[j][j] = rest;
      __syncthreads();
      const T pivot = m[j][j];
      __syncthreads();
      if (!(pivot > T(0))) info = j + 1;
      if (row >= j && row < n) m[row][j] = row == j ? ::sqrt(pivot) : rest / ::sqrt(pivot);
      __syncthreads();
    }
    const T wrong = T(0) / (info == 0 ? T(1) : T(0));
    for (int e = row; e < n * n; e += small_matrix) matrix[e] = info != 0 ? wrong : e % n > e / n ? T(0) : m[e / n][e % n];
    if (row == 0) infos[i] = info;
    __syncthreads();
  }
}

__global__ void note_complaint(const int* infos, unsigned long long* worst, int64_t count) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < count; i += int64_t{gridDim.x} * threads)
    if (infos[i] != 0)
      atomicMax(worst, (0x7fffffffull - static_cast<unsigned long long>(i)) << 32 |
                           static_cast<unsigned long long>(static_cast<unsigned>(infos[i])));
}

// In these a warp takes a matrix, or a row, its lanes side by side.
constexpr int warp = 32;
constexpr unsigned all_lanes = 0xffffffffu;
__device__ int lane() { return static_cast<int>(threadIdx.x) % warp; }
__device__ int64_t first_warp() { return (blockIdx.x * int64_t{threads} + threadIdx.x) / warp; }
__device__ int64_t all_warps() { return int64_t{gridDim.x} * threads / warp; }

template <class T>
__global__ void find_zero(const T* a, int* first, int64_t n, int64_t count) {
  for (int64_t i = first_warp(); i < count; i += all_warps()) {
    int64_t found = n;
    for (int64_t r = lane(); r < n && found == n; r += warp)
      if (a[i * n * n + r * (n + 1)] == T(0)) found = r;
    for (int half = warp / 2; half > 0; half /= 2) {
      const int64_t other = __shfl_down_sync(all_lanes, found, half);
      if (other < found) found = other;
    }
    if (lane() == 0) first[i] = found < n ? static_cast<int>(found) + 1 : 0;
  }
}

// The logarithms are added in the diagonal's order, as the CPU does: a zero pivot gives log 0 = -inf and the sign 0.
template <class T>
__global__ void slogdet(const T* factors, const int* pivots, T* logabs, T* sign, int64_t n, int64_t count) {
  for (int64_t i = first_warp(); i < count; i += all_warps()) {
    double sum = 0, s = 1;
    for (int64_t start = 0; start < n; start += warp) {
      const int64_t r = start + lane();
      double log = 0, turn = 1;
      if (r < n) {
        const double d = factors[i * n * n + r * (n + 1)];
        log = ::log(::fabs(d));
        turn = (pivots[i * n + r] == r + 1 ? 1.0 : -1.0) * (d > 0 ? 1.0 : d < 0 ? -1.0 : d);
      }
      for (int k = 0; k < warp && start + k < n; ++k) {
        sum += __shfl_sync(all_lanes, log, k);
        s *= __shfl_sync(all_lanes, turn, k);
      }
    }
    if (lane() == 0) {
      logabs[i] = static_cast<T>(sum);
      sign[i] = static_cast<T>(s);
    }
  }
}

// The flags are 0 before.
template <class T>
__global__ void find_infinite(const T* a, int* flags, int64_t n, int64_t total) {
  for (int64_t e = blockIdx.x * int64_t{threads} + threadIdx.x; e < total; e += int64_t{gridDim.x} * threads)
    if (!(a[e] - a[e] == T(0))) flags[e / (n * n)] = static_cast<int>(n);
}

template <class T>
__device__ T size_of_number(T x) {
  return x < T(0) ? -x : x;
}

template <class T>
__global__ void turn_signs(T* rows, int64_t n, int64_t count) {
  for (int64_t i = first_warp(); i < count; i += all_warps()) {
    T* row = rows + i * n;
    T largest = row[0];
    int64_t at = 0;
    for (int64_t j = lane(); j < n; j += warp)
      if (size_of_number(row[j]) > size_of_number(largest)) {
        largest = row[j];
        at = j;
      }
    for (int half = warp / 2; half > 0; half /= 2) {
      const T other = __shfl_down_sync(all_lanes, largest, half);
      const int64_t other_at = __shfl_down_sync(all_lanes, at, half);
      const T size = size_of_number(other), own = size_of_number(largest);
      if (size > own || (size == own && other_at < at)) {
        largest = other;
        at = other_at;
      }
    }
    if (__shfl_sync(all_lanes, largest, 0) < T(0))
      for (int64_t j = lane(); j < n; j += warp) row[j] = -row[j];
  }
}

template <class T>
__global__ void set_pointers(T** pointers, T* base, int64_t stride, int64_t count) {
  const int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x;
  if (i < count) pointers[i] = base + i * stride;
}

}  // namespace

void integer_products(const View& out, const View& a, const View& b) {
  const int r = out.shape.rank;
  Batch batch;
  batch.rank = r - 2;
  for (int d = 0; d + 2 < r; ++d) {
    batch.extent[d] = out.shape[d];
    batch.stride[0][d] = out.strides[d];
    batch.stride[1][d] = a.strides[d];
    batch.stride[2][d] = b.strides[d];
  }
  const int64_t total = numel(out.shape);
  launch("matmul", multiply_integers, blocks_for(total, threads), threads, 0, static_cast<int64_t*>(out.data),
         static_cast<const int64_t*>(a.data), static_cast<const int64_t*>(b.data), batch, total, out.shape[r - 2], out.shape[r - 1],
         a.shape[r - 1], out.strides[r - 2], out.strides[r - 1], a.strides[r - 2], a.strides[r - 1], b.strides[r - 2], b.strides[r - 1]);
}

template <class T>
void clear_above_diagonal(T* a, int64_t n, int64_t count) {
  launch("clear_above_diagonal", clear_above<T>, blocks_for(count * n * n, threads), threads, 0, a, n, count * n * n);
}
template <class T>
void factor_small(T* a, int* infos, int64_t n, int64_t count) {
  launch("cholesky", factor_columns<T>, blocks_for(count, 1), small_matrix, 0, a, infos, static_cast<int>(n), count);
}
void find_complaint(const int* infos, unsigned long long* worst, int64_t count) {
  launch("find_complaint", note_complaint, blocks_for(count, threads), threads, 0, infos, worst, count);
}
template <class T>
void find_zero_diagonal(const T* a, int* first, int64_t n, int64_t count) {
  launch("find_zero_diagonal", find_zero<T>, blocks_for(count, threads / warp), threads, 0, a, first, n, count);
}
template <class T>
void slogdet_of_factors(const T* factors, const int* pivots, T* logabs, T* sign, int64_t n, int64_t count) {
  launch("slogdet", slogdet<T>, blocks_for(count, threads / warp), threads, 0, factors, pivots, logabs, sign, n, count);
}
template <class T>
void find_not_finite(const T* a, int* flags, int64_t n, int64_t count) {
  check({}, "find_not_finite", cudaMemsetAsync(flags, 0, static_cast<size_t>(count) * sizeof(int), stream()));
  launch("find_not_finite", find_infinite<T>, blocks_for(count * n * n, threads), threads, 0, a, flags, n, count * n * n);
}
template <class T>
void make_largest_positive(T* rows, int64_t n, int64_t count) {
  launch("make_largest_positive", turn_signs<T>, blocks_for(count, threads / warp), threads, 0, rows, n, count);
}
template <class T>
void point_at(T** pointers, T* base, int64_t stride, int64_t count) {
  launch("point_at", set_pointers<T>, blocks_for(count, threads, most_blocks), threads, 0, pointers, base, stride, count);
}

template void clear_above_diagonal(float*, int64_t, int64_t);
template void clear_above_diagonal(double*, int64_t, int64_t);
template void factor_small(float*, int*, int64_t, int64_t);
template void factor_small(double*, int*, int64_t, int64_t);
template void find_zero_diagonal(const float*, int*, int64_t, int64_t);
template void find_zero_diagonal(const double*, int*, int64_t, int64_t);
template void slogdet_of_factors(const float*, const int*, float*, float*, int64_t, int64_t);
template void slogdet_of_factors(const double*, const int*, double*, double*, int64_t, int64_t);
template void find_not_finite(const float*, int*, int64_t, int64_t);
template void find_not_finite(const double*, int*, int64_t, int64_t);
template void make_largest_positive(float*, int64_t, int64_t);
template void make_largest_positive(double*, int64_t, int64_t);
template void point_at(float**, float*, int64_t, int64_t);
template void point_at(double**, double*, int64_t, int64_t);

}  // namespace scoregrad::on_cuda
