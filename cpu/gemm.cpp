// What is thin or small is ours (gemm_small.h). Of the rest float32 goes to oneDNN where the product is large enough to repay its call,
// else to CBLAS; float64 to CBLAS; what neither takes, and int64, to a plain loop. No library may start threads of its own: the team
// divides the work (matmul.cpp).
#include "cpu/gemm.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "cpu/gemm_small.h"
#include "cpu/room.h"
#include "scoregrad/config.h"
#if SCOREGRAD_HAVE_ONEDNN
#include <dnnl.h>
#endif
#if SCOREGRAD_HAVE_BLAS
#include <cblas.h>
#endif
#if SCOREGRAD_HAVE_BLAS || SCOREGRAD_HAVE_LAPACK
extern "C" void openblas_set_num_threads(int) __attribute__((weak));
#endif
#if SCOREGRAD_HAVE_ONEDNN
// Weak, because oneDNN may bring an OpenMP along that this library was not built with.
extern "C" int omp_in_parallel() __attribute__((weak));
extern "C" int omp_get_max_threads() __attribute__((weak));
extern "C" void omp_set_num_threads(int) __attribute__((weak));
#endif

namespace scoregrad::on_cpu {

namespace {

template <class T>
void plain_gemm(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  using Wrap = std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>;  // integers wrap
  constexpr int64_t width = 32;
  for (int64_t j0 = 0; j0 < n; j0 += width) {
    const int64_t w = std::min(width, n - j0);
    for (int64_t i = 0; i < m; ++i) {
      Wrap sum[width] = {};
      for (int64_t p = 0; p < k; ++p) {
        const Wrap x = static_cast<Wrap>(a.at(i, p));
        const T* row = &b.at(p, j0);
        if (b.column == 1 && w == width) {
          for (int64_t j = 0; j < width; ++j) sum[j] += x * static_cast<Wrap>(row[j]);
        } else {
          for (int64_t j = 0; j < w; ++j) sum[j] += x * static_cast<Wrap>(row[j * b.column]);
        }
      }
      for (int64_t j = 0; j < w; ++j) c.at(i, j0 + j) = static_cast<T>(sum[j]);
    }
  }
}

#if SCOREGRAD_HAVE_ONEDNN || SCOREGRAD_HAVE_BLAS

/// How a library reads an operand: as it lies or transposed, and the distance between its rows; no distance where it cannot.
struct Layout {
  bool transposed;
  int64_t distance;
};

template <class T>
Layout layout_of(const Matrix<T>& x, int64_t rows, int64_t columns) {
  if ((x.column == 1 || columns == 1) && (x.row >= columns || rows == 1)) return {false, rows == 1 ? columns : x.row};
  if ((x.row == 1 || rows == 1) && (x.column >= rows || columns == 1)) return {true, columns == 1 ? rows : x.column};
  return {false, 0};
}

#endif

#if SCOREGRAD_HAVE_BLAS

bool blas_gemm(const Matrix<float>& c, const Matrix<const float>& a, const Matrix<const float>& b, Layout lc, Layout la, Layout lb, int m,
               int n, int k) {
  cblas_sgemm(CblasRowMajor, la.transposed ? CblasTrans : CblasNoTrans, lb.transposed ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a.data,
              static_cast<int>(la.distance), b.data, static_cast<int>(lb.distance), 0.0f, c.data, static_cast<int>(lc.distance));
  return true;
}
bool blas_gemm(const Matrix<double>& c, const Matrix<const double>& a, const Matrix<const double>& b, Layout lc, Layout la, Layout lb,
               int m, int n, int k) {
  cblas_dgemm(CblasRowMajor, la.transposed ? CblasTrans : CblasNoTrans, lb.transposed ? CblasTrans : CblasNoTrans, m, n, k, 1.0, a.data,
              static_cast<int>(la.distance), b.data, static_cast<int>(lb.distance), 0.0, c.data, static_cast<int>(lc.distance));
  return true;
}

#endif

#if SCOREGRAD_HAVE_ONEDNN

bool dnnl_gemm(const Matrix<float>& c, const Matrix<const float>& a, const Matrix<const float>& b, Layout lc, Layout la, Layout lb,
               int64_t m, int64_t n, int64_t k) {
  // For the code that it generates, and packed operands.
  if (space_is_limited.load(std::memory_order_relaxed)) demand_space("oneDNN", int64_t{32} << 20);
  // In a team oneDNN keeps to its thread; outside of one it would start a team, and its bits would depend on how large that is.
  const bool alone = omp_set_num_threads && omp_get_max_threads && !(omp_in_parallel && omp_in_parallel());
  const int threads = alone ? omp_get_max_threads() : 1;
  if (threads > 1) omp_set_num_threads(1);
  const dnnl_status_t status = dnnl_sgemm(la.transposed ? 'T' : 'N', lb.transposed ? 'T' : 'N', m, n, k, 1.0f, a.data, la.distance, b.data,
                                          lb.distance, 0.0f, c.data, lc.distance);
  if (threads > 1) omp_set_num_threads(threads);
  return status == dnnl_success;
}

#endif

template <class T>
bool library_gemm([[maybe_unused]] const Matrix<T>& c, [[maybe_unused]] const Matrix<const T>& a, [[maybe_unused]] const Matrix<const T>& b,
                  [[maybe_unused]] int64_t m, [[maybe_unused]] int64_t n, [[maybe_unused]] int64_t k) {
#if SCOREGRAD_HAVE_ONEDNN || SCOREGRAD_HAVE_BLAS
  if constexpr (std::is_floating_point_v<T>) {
    const Layout lc = layout_of(c, m, n), la = layout_of(a, m, k), lb = layout_of(b, k, n);
    if (lc.distance == 0 || lc.transposed || la.distance == 0 || lb.distance == 0) return false;
    if (std::max({m, n, k, lc.distance, la.distance, lb.distance}) > std::numeric_limits<int>::max()) return false;
#if SCOREGRAD_HAVE_ONEDNN
    if constexpr (std::is_same_v<T, float>) {
      // Measured: below 64^3, and for a few columns, OpenBLAS's kernels for small matrices win; above, oneDNN by 10 to 20 %.
      const bool large = m * n * k > 64 * 64 * 64 && std::min({m, n, k}) >= 16;
      if ((large || !SCOREGRAD_HAVE_BLAS) && dnnl_gemm(c, a, b, lc, la, lb, m, n, k)) return true;
    }
#endif
#if SCOREGRAD_HAVE_BLAS
    keep_blas_on_one_thread();
    const BlasCall call;
    return blas_gemm(c, a, b, lc, la, lb, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k));
#endif
  }
#endif
  return false;
}

}  // namespace

void keep_blas_on_one_thread() {
#if SCOREGRAD_HAVE_BLAS || SCOREGRAD_HAVE_LAPACK
  static const bool once = [] {
    if (openblas_set_num_threads) openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(once);
#endif
}

template <class T>
void gemm(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  if constexpr (std::is_floating_point_v<T>)
    if (small_gemm(c, a, b, m, n, k)) return;
  if (!library_gemm(c, a, b, m, n, k)) plain_gemm(c, a, b, m, n, k);
}

template void gemm(const Matrix<float>&, const Matrix<const float>&, const Matrix<const float>&, int64_t, int64_t, int64_t);
template void gemm(const Matrix<double>&, const Matrix<const double>&, const Matrix<const double>&, int64_t, int64_t, int64_t);
template void gemm(const Matrix<int64_t>&, const Matrix<const int64_t>&, const Matrix<const int64_t>&, int64_t, int64_t, int64_t);

}  // namespace scoregrad::on_cpu
