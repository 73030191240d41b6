// See gemm_small.h. A product, or the transposed one, runs along rows or is made of dots (gemm_tiles.h), whichever is estimated to take the
// fewest cycles; an operand that lies otherwise is copied piece by piece.
#include "cpu/gemm_small.h"

#include <algorithm>

#include "cpu/gemm_tiles.h"
#include "cpu/memory.h"

namespace scoregrad::on_cpu {

namespace {

template <class T>
constexpr int64_t lanes = 64 / sizeof(T);

// Measured on AVX-512 and AVX2 against OpenBLAS and oneDNN on one thread. Up to 8 rows, columns or terms, ours take 0.2 to 0.9 of a
// library's time where data come from beyond the first cache, and 0.5 to 1.4 inside it. Of other products ours take 0.6 to 1 where b is
// contiguous along k, which libraries read slowly, and 0.9 to 1.2 elsewhere. oneDNN overtakes them at these numbers of multiply-adds;
// OpenBLAS, which float64 is left to, still takes 1.3 times as long at 128^3.
constexpr int64_t thin = 8;
template <class T>
bool suits(const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  const int64_t most = sizeof(T) == 8 ? 1 << 21 : b.column == 1 ? 1 << 18 : 1 << 19;
  return std::min({m, n, k}) <= thin || m * n * k <= most;
}

template <class M>
M transposed(const M& x) {
  return {x.data, x.column, x.row};
}

int64_t divide_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

/// Cycles, measured roughly: two fused instructions a cycle that take four, half a cycle to copy an element where squares can be turned,
/// one and a half where not.
template <class T>
int64_t copy_cycles(const Matrix<T>& x, int64_t rows, int64_t columns) {
  return x.column == 1 || columns == 1 ? 0 : rows * columns * (x.row == 1 ? 1 : 3) / 2;
}
template <class T>
int64_t rows_cycles(const Matrix<T>& c, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  return std::max<int64_t>(m * divide_up(n, lanes<T>), 8) * k / 2 + copy_cycles(b, k, n) + (c.column == 1 ? 0 : 2 * m * n);
}
template <class T>
int64_t dots_cycles(const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  return std::max<int64_t>(divide_up(m, 4) * 4 * n, 8) * divide_up(k, lanes<T>) / 2 + copy_cycles(a, m, k) +
         copy_cycles(transposed(b), n, k) + 4 * m * n;
}

/// Between the rows of a copy: an odd number of cache lines, so that one column's elements do not compete for a few of the cache's sets.
template <class T>
int64_t copy_distance(int64_t columns) {
  return (divide_up(columns, lanes<T>) | 1) * lanes<T>;
}

template <class T>
void run_rows(const GemmTiles<T>& tiles, const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n,
              int64_t k) {
  // The pieces of the inner sum are added in order. For few rows short ones let b pass by as it lies.
  const int64_t piece = m <= 8 && n > 128 ? 16 : 256, width = m <= 8 ? 512 : std::max<int64_t>(1, 128 / std::min(k, piece)) * 64;
  const bool copied = b.column != 1 && n != 1;
  const int64_t distance = copy_distance<T>(std::min(width, n));
  Scratch<T> copy(copied ? distance * std::min(k, piece) : 0);
  for (int64_t j = 0; j < n; j += width)
    for (int64_t p = 0; p < k; p += piece) {
      const int64_t w = std::min(width, n - j), d = std::min(piece, k - p);
      Matrix<const T> part{&b.at(p, j), b.row, 1};
      if (copied) {
        tiles.pack(copy.data(), distance, {&b.at(p, j), b.row, b.column}, d, w);
        part = {copy.data(), distance, 1};
      }
      tiles.rows({&c.at(0, j), c.row, c.column}, {&a.at(0, p), a.row, a.column}, part, m, w, d, p > 0);
    }
}

template <class T>
void run_dots(const GemmTiles<T>& tiles, const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n,
              int64_t k) {
  constexpr int64_t piece = 2048, height = 64;
  const bool copied_a = a.column != 1 && k != 1, copied_b = b.row != 1 && k != 1;
  const int64_t distance = copy_distance<T>(std::min(k, piece));
  Scratch<T> copy_a(copied_a ? std::min(height, m) * distance : 0), copy_b(copied_b ? n * distance : 0);
  for (int64_t p = 0; p < k; p += piece) {
    const int64_t d = std::min(piece, k - p);
    Matrix<const T> right{&b.at(p, 0), 1, b.column};
    if (copied_b) {
      tiles.pack(copy_b.data(), distance, {&b.at(p, 0), b.column, b.row}, n, d);
      right = {copy_b.data(), 1, distance};
    }
    for (int64_t i = 0; i < m; i += height) {
      const int64_t h = std::min(height, m - i);
      Matrix<const T> left{&a.at(i, p), a.row, 1};
      if (copied_a) {
        tiles.pack(copy_a.data(), distance, {&a.at(i, p), a.row, a.column}, h, d);
        left = {copy_a.data(), distance, 1};
      }
      tiles.dots({&c.at(i, 0), c.row, c.column}, left, right, h, n, d, p > 0);
    }
  }
}

}  // namespace

template <class T>
bool small_gemm(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k) {
  if (!suits(b, m, n, k)) return false;
  const GemmTiles<T>* const tiles = gemm_tiles<T>();
  if (!tiles) return false;
  const Matrix<T> ct = transposed(c);
  const Matrix<const T> at = transposed(a), bt = transposed(b);
  const int64_t cycles[] = {rows_cycles(c, b, m, n, k), rows_cycles(ct, at, n, m, k), dots_cycles(a, b, m, n, k),
                            dots_cycles(bt, at, n, m, k)};
  switch (std::min_element(cycles, cycles + 4) - cycles) {
    case 0:
      run_rows(*tiles, c, a, b, m, n, k);
      break;
    case 1:
      run_rows(*tiles, ct, bt, at, n, m, k);
      break;
    case 2:
      run_dots(*tiles, c, a, b, m, n, k);
      break;
    default:
      run_dots(*tiles, ct, bt, at, n, m, k);
  }
  return true;
}

template bool small_gemm(const Matrix<float>&, const Matrix<const float>&, const Matrix<const float>&, int64_t, int64_t, int64_t);
template bool small_gemm(const Matrix<double>&, const Matrix<const double>&, const Matrix<const double>&, int64_t, int64_t, int64_t);

}  // namespace scoregrad::on_cpu
