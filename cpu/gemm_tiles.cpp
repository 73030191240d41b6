// See gemm_tiles.h. A tile of the result stays in registers while the inner index runs; its size follows from the number of registers, and
// no element's sum depends on it.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gemm_tiles.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include <algorithm>
#include <utility>

#include "cpu/gemm_tiles.h"
#include "cpu/lanes.inc"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

#if SCOREGRAD_PLAIN_LANES

const GemmTiles<float>* float_tiles() { return nullptr; }
const GemmTiles<double>* double_tiles() { return nullptr; }

#else

constexpr int registers = SCOREGRAD_AVX512 || HWY_ARCH_ARM ? 32 : 16;

/// The most rows of a tile of N registers a row: sums, a row of b and one element of a are held.
constexpr int rows_for(int N) { return std::clamp((registers - 1) / N - 1, 1, N == 1 ? 16 : 12); }

template <class T>
struct Tile {
  T* c;
  int64_t c_row;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, k;
  int64_t last;  // how many of the last register's columns exist
  bool add;
};

template <class T, int M, int N, bool whole>
HWY_NOINLINE void multiply_tile(const Tile<T>& tile) {
  const Tile<T> t = tile;  // nothing stored below is part of it
  using P = Pack<T>;
  using V = typename P::Value;
  V sum[M][N];
  HWY_UNROLL(16)
  for (int i = 0; i < M; ++i) {
    HWY_UNROLL(16)
    for (int j = 0; j < N; ++j) sum[i][j] = V(0.0);
  }
  const T *a = t.a, *b = t.b;
  for (int64_t p = 0; p < t.k; ++p, a += t.a_column, b += t.b_row) {
    V row[N];
    HWY_UNROLL(16)
    for (int j = 0; j + 1 < N; ++j) row[j] = P::load(b + j * P::width);
    row[N - 1] = whole ? P::load(b + (N - 1) * P::width) : P::load_some(b + (N - 1) * P::width, t.last);
    HWY_UNROLL(16)
    for (int i = 0; i < M; ++i) {
      const V x(hn::Set(typename P::D(), a[i * t.a_row]));
      HWY_UNROLL(16)
      for (int j = 0; j < N; ++j) sum[i][j] = fma(x, row[j], sum[i][j]);
    }
  }
  const auto each = [&](auto&& f) HWY_ATTR {
    T* c = t.c;
    HWY_UNROLL(16)
    for (int i = 0; i < M; ++i, c += t.c_row) {
      HWY_UNROLL(16)
      for (int j = 0; j < N; ++j) f(c + j * P::width, sum[i][j], whole || j + 1 < N);
    }
  };
  if (t.add) each([&](const T* c, V& x, bool full) HWY_ATTR { x = x + (full ? P::load(c) : P::load_some(c, t.last)); });
  each([&](T* c, V x, bool full) HWY_ATTR { full ? P::store(x, c) : P::store_some(x, c, t.last); });
}

template <class T>
using TileProduct = void (*)(const Tile<T>&);

/// The tile of so many rows and N registers a row.
template <class T, int N, bool whole, int... M>
TileProduct<T> tile_of(int64_t rows, std::integer_sequence<int, M...>) {
  static constexpr TileProduct<T> tiles[] = {multiply_tile<T, M + 1, N, whole>...};
  return tiles[rows - 1];
}
template <class T, int N>
TileProduct<T> tile_of(int64_t rows, bool whole) {
  constexpr std::make_integer_sequence<int, rows_for(N)> each;
  return whole ? tile_of<T, N, true>(rows, each) : tile_of<T, N, false>(rows, each);
}
template <class T>
TileProduct<T> tile_of(int64_t rows, int64_t N, bool whole) {
  return N == 8   ? tile_of<T, 8>(rows, whole)
         : N == 4 ? tile_of<T, 4>(rows, whole)
         : N == 2 ? tile_of<T, 2>(rows, whole)
                  : tile_of<T, 1>(rows, whole);
}

template <class T>
void put(T& c, T sum, bool add) {
  c = add ? c + sum : sum;
}

template <class T>
void multiply_rows(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k, bool add) {
  constexpr int64_t W = Pack<T>::width;
  const int64_t vectors = (n + W - 1) / W;
  int64_t widest = 8;
  while (widest > vectors || (widest > 1 && rows_for(static_cast<int>(widest)) < std::min<int64_t>(m, 6))) widest /= 2;
  const int64_t most = rows_for(static_cast<int>(widest)), tiles = m <= most ? 1 : (m + most - 1) / most;
  alignas(64) T apart[registers * W];  // of a tile whose rows are not contiguous in c
  for (int64_t tile = 0, i = 0; tile < tiles; ++tile) {
    const int64_t rows = m / tiles + (tile < m % tiles);
    // The next rows may not be in the caches; for fewer terms asking costs as much as it gains.
    if (a.column == 1 && tile + 1 < tiles && k >= 32)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t p = 0; p < k; p += 64 / sizeof(T)) hwy::Prefetch(&a.at(i + rows + r, p));
    for (int64_t v = 0, N = widest; v < vectors; v += N) {
      while (N > vectors - v) N /= 2;
      const int64_t j = v * W, columns = std::min(N * W, n - j);
      Tile<T> t{&c.at(i, j), c.row, &a.at(i, 0), a.row, a.column, b.data + j, b.row, k, columns - (N - 1) * W, add};
      if (c.column != 1) t.c = apart, t.c_row = N * W, t.add = false;
      tile_of<T>(rows, N, columns == N * W)(t);
      if (c.column == 1) continue;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t q = 0; q < columns; ++q) put(c.at(i + r, j + q), apart[r * N * W + q], add);
    }
    i += rows;
  }
}

/// Adds the upper half of the lanes to the lower until 16 bytes are left.
template <class D>
HWY_INLINE auto fold(D d, hn::Vec<D> v) {
  if constexpr (sizeof(hn::TFromD<D>) * hn::MaxLanes(D()) > 16) {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    static_cast<void>(d);
    return v;
  }
}

/// x_0 + x_1 of neighbouring pairs (double: that is all) or x_0 + x_2 and x_1 + x_3, in each 16 bytes, those of v beside those of u.
template <class D>
HWY_INLINE hn::Vec<D> pair(D d, hn::Vec<D> u, hn::Vec<D> v) {
  return hn::Add(hn::InterleaveLower(d, u, v), hn::InterleaveUpper(d, u, v));
}

/// The sums of four dots, each of R registers of lanes: first in every 16 bytes, then over these.
template <int R, class D>
HWY_INLINE void fold_four(D d, hn::Vec<D> (*v)[4], float* out) {
  const hn::RepartitionToWide<D> wide;
  hn::Vec<D> sum[R];
  HWY_UNROLL(16)
  for (int r = 0; r < R; ++r) {
    const auto ab = hn::BitCast(wide, pair(d, v[r][0], v[r][1])), cd = hn::BitCast(wide, pair(d, v[r][2], v[r][3]));
    sum[r] = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, ab, cd)), hn::BitCast(d, hn::InterleaveUpper(wide, ab, cd)));
  }
  HWY_UNROLL(16)
  for (int half = R / 2; half > 0; half /= 2) {
    HWY_UNROLL(16)
    for (int r = 0; r < half; ++r) sum[r] = hn::Add(sum[r], sum[r + half]);
  }
  hn::StoreU(fold(d, sum[0]), hn::Full128<float>(), out);
}
template <int R, class D>
HWY_INLINE void fold_four(D d, hn::Vec<D> (*v)[4], double* out) {
  hn::Vec<D> ab[R], cd[R];
  HWY_UNROLL(16)
  for (int r = 0; r < R; ++r) ab[r] = pair(d, v[r][0], v[r][1]), cd[r] = pair(d, v[r][2], v[r][3]);
  HWY_UNROLL(16)
  for (int half = R / 2; half > 0; half /= 2) {
    HWY_UNROLL(16)
    for (int r = 0; r < half; ++r) ab[r] = hn::Add(ab[r], ab[r + half]), cd[r] = hn::Add(cd[r], cd[r + half]);
  }
  hn::StoreU(fold(d, ab[0]), hn::Full128<double>(), out);
  hn::StoreU(fold(d, cd[0]), hn::Full128<double>(), out + 2);
}

/// M rows of a, four or eight, with N columns of b; sums[j * M + i].
template <class T, int M, int N>
HWY_NOINLINE void dot_tile(const T* const* rows, const T* b, int64_t b_column, int64_t k, T* sums) {
  using P = Pack<T>;
  using V = typename P::Value;
  constexpr int64_t W = P::width, lanes = 64 / sizeof(T);
  constexpr int R = static_cast<int>(lanes / W);
  V sum[N][R][M];
  const T* a[M];
  HWY_UNROLL(16)
  for (int i = 0; i < M; ++i) {
    a[i] = rows[i];
    HWY_UNROLL(16)
    for (int j = 0; j < N; ++j) {
      HWY_UNROLL(16)
      for (int r = 0; r < R; ++r) sum[j][r][i] = V(0.0);
    }
  }
  const auto add = [&](int64_t q, int r, auto&& load) HWY_ATTR {
    V x[M];
    HWY_UNROLL(16)
    for (int i = 0; i < M; ++i) x[i] = load(a[i] + q);
    HWY_UNROLL(16)
    for (int j = 0; j < N; ++j) {
      const V y = load(b + j * b_column + q);
      HWY_UNROLL(16)
      for (int i = 0; i < M; ++i) sum[j][r][i] = fma(x[i], y, sum[j][r][i]);
    }
  };
  const int64_t next = (a[1] - a[0]) * M;  // rows, which no hardware guesses at
  int64_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    HWY_UNROLL(16)
    for (int r = 0; r < R; ++r) add(p + r * W, r, [](const T* x) HWY_ATTR { return P::load(x); });
    HWY_UNROLL(16)
    for (int i = 0; i < M; ++i) hwy::Prefetch(a[i] + p + next);
  }
  if (p < k) {
    HWY_UNROLL(16)
    for (int r = 0; r < R; ++r) {
      const int64_t q = std::min(p + r * W, k), some = std::min(W, k - q);
      add(q, r, [some](const T* x) HWY_ATTR { return P::load_some(x, some); });
    }
  }
  HWY_UNROLL(16)
  for (int j = 0; j < N; ++j) {
    HWY_UNROLL(16)
    for (int i = 0; i < M; i += 4) {
      hn::Vec<typename P::D> four[R][4];
      HWY_UNROLL(16)
      for (int r = 0; r < R; ++r) {
        HWY_UNROLL(16)
        for (int q = 0; q < 4; ++q) four[r][q] = sum[j][r][i + q].v;
      }
      fold_four<R>(typename P::D(), four, sums + j * M + i);
    }
  }
}

template <class T>
using DotTile = void (*)(const T* const*, const T*, int64_t, int64_t, T*);

template <class T>
void multiply_dots(const Matrix<T>& c, const Matrix<const T>& a, const Matrix<const T>& b, int64_t m, int64_t n, int64_t k, bool add) {
  // Sixteen registers of sums, or eight where registers are few: enough to hide how long an instruction takes.
  constexpr bool wide = 64 / sizeof(T) == Pack<T>::width;
  static constexpr DotTile<T> few[] = {dot_tile<T, 4, 1>, dot_tile < T, 4, wide ? 2 : 1 >, dot_tile < T, 4,
                                       wide ? 3 : 1 >,    dot_tile < T, 4, wide ? 4 : 1 > };
  static constexpr DotTile<T> many[] = {dot_tile < T, wide ? 8 : 4, 1 >, dot_tile < T, wide ? 8 : 4, wide ? 2 : 1 > };
  const int64_t widest = std::min<int64_t>(n, wide ? 4 : 1), height = wide && widest <= 2 && m > 4 ? 8 : 4;
  T sums[16];
  const T* rows[8];
  for (int64_t i = 0; i < m; i += height) {
    for (int64_t r = 0; r < height; ++r) rows[r] = &a.at(std::min(i + r, m - 1), 0);
    for (int64_t j = 0, N; j < n; j += N) {
      N = std::min(widest, n - j);
      (height == 8 ? many : few)[N - 1](rows, &b.at(0, j), b.column, k, sums);
      for (int64_t r = 0; r < std::min(height, m - i); ++r)
        for (int64_t q = 0; q < N; ++q) put(c.at(i + r, j + q), sums[q * height + r], add);
    }
  }
}

/// Turns a square of 16 bytes a side; rows beyond `rows` are dropped.
HWY_INLINE void turn(const float* x, int64_t step, float* y, int64_t distance, int64_t rows) {
  const hn::Full128<float> d;
  const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + step), x2 = hn::LoadU(d, x + 2 * step), x3 = hn::LoadU(d, x + 3 * step);
  const auto l01 = hn::InterleaveLower(d, x0, x1), l23 = hn::InterleaveLower(d, x2, x3);
  const auto u01 = hn::InterleaveUpper(d, x0, x1), u23 = hn::InterleaveUpper(d, x2, x3);
  hn::StoreU(hn::ConcatLowerLower(d, l23, l01), d, y);
  if (rows > 1) hn::StoreU(hn::ConcatUpperUpper(d, l23, l01), d, y + distance);
  if (rows > 2) hn::StoreU(hn::ConcatLowerLower(d, u23, u01), d, y + 2 * distance);
  if (rows > 3) hn::StoreU(hn::ConcatUpperUpper(d, u23, u01), d, y + 3 * distance);
}
HWY_INLINE void turn(const double* x, int64_t step, double* y, int64_t distance, int64_t rows) {
  const hn::Full128<double> d;
  const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + step);
  hn::StoreU(hn::InterleaveLower(d, x0, x1), d, y);
  if (rows > 1) hn::StoreU(hn::InterleaveUpper(d, x0, x1), d, y + distance);
}

/// Columns of two numbers that touch, to two rows; how many were done.
template <class T>
int64_t part_pairs(T* to, int64_t distance, const T* from, int64_t columns) {
  using D = typename Pack<T>::D;
  constexpr int64_t W = Pack<T>::width;
  int64_t j = 0;
  for (; j + W <= columns; j += W) {
    hn::Vec<D> x, y;
    hn::LoadInterleaved2(D(), from + 2 * j, x, y);
    hn::StoreU(x, D(), to + j);
    hn::StoreU(y, D(), to + distance + j);
  }
  return j;
}

template <class T>
void pack(T* to, int64_t distance, const Matrix<const T>& from, int64_t rows, int64_t columns) {
  if (from.column == 1) {
    using P = Pack<T>;
    for (int64_t i = 0; i < rows; ++i) {
      int64_t j = 0;
      for (; j + P::width <= columns; j += P::width) P::store(P::load(&from.at(i, j)), to + i * distance + j);
      if (j < columns) P::store_some(P::load_some(&from.at(i, j), columns - j), to + i * distance + j, columns - j);
    }
    return;
  }
  constexpr int64_t side = 16 / sizeof(T);
  if (from.row == 1 && rows >= side && columns >= side) {
    // The last squares overlap those before them.
    for (int64_t j0 = 0; j0 < columns; j0 += side)
      for (int64_t i0 = 0; i0 < rows; i0 += side) {
        const int64_t i = std::min(i0, rows - side), j = std::min(j0, columns - side);
        turn(&from.at(i, j), from.column, to + i * distance + j, distance, side);
      }
    return;
  }
  int64_t j = 0;
  if (from.row == 1 && from.column == rows) {
    if (rows == 2) j = part_pairs(to, distance, from.data, columns);
    // What is read beyond a column is the next one, except at the end.
    for (; rows < side && (j + side - 1) * rows + side <= rows * columns; j += side) turn(&from.at(0, j), rows, to + j, distance, rows);
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t q = j; q < columns; ++q) to[i * distance + q] = from.at(i, q);
}

template <class T>
constexpr GemmTiles<T> tiles{multiply_rows<T>, multiply_dots<T>, pack<T>};

const GemmTiles<float>* float_tiles() { return &tiles<float>; }
const GemmTiles<double>* double_tiles() { return &tiles<double>; }

#endif

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {
HWY_EXPORT(float_tiles);
HWY_EXPORT(double_tiles);
template <>
const GemmTiles<float>* gemm_tiles<float>() {
  return HWY_DYNAMIC_DISPATCH(float_tiles)();
}
template <>
const GemmTiles<double>* gemm_tiles<double>() {
  return HWY_DYNAMIC_DISPATCH(double_tiles)();
}
}  // namespace scoregrad::on_cpu
#endif
