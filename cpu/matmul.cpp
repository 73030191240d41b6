// Batched matrix products: operands are brought into a layout the libraries read, batches that share the right operand become rows, and
// large products are cut into tiles by shape, and long inner sums into pieces by their length, so that every number of threads gives the
// same bits.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/memory.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

constexpr double piece_flops = 8e6;  // about 60 us of float32 on one core: what is worth handing to another
constexpr double flops_per_ns = 100;
// A library packs both operands of each tile. Measured (1024^3, oneDNN): a tile of m rows and n columns costs about 26 / m + 26 / n more
// than the product itself, so that 64 x 256 runs at 110 GFLOP/s where 256 x 512 runs at 149.
constexpr int64_t good_tile = 256, least_inner = 1024, most_inner = 8, enough_tiles = 8, most_tiles = 64;

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }
int64_t divide_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

/// How one product [m, k] x [k, n] is cut. The inner sum is divided by its length alone, so that a row of the product is summed in the
/// same pieces whatever rows are beside it.
struct Tiling {
  int64_t m, n, k;               // extents of a tile
  int64_t rows, columns, inner;  // number of tiles along each

  Tiling(int64_t M, int64_t N, int64_t K) : m(M), n(N), rows(1), columns(1) {
    k = round_up(divide_up(K, std::clamp(K / least_inner, int64_t{1}, most_inner)), 64);
    inner = divide_up(K, k);
    const double flops = 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
    if (flops < 2 * piece_flops) return;
    const int64_t pieces = static_cast<int64_t>(std::min<double>(most_tiles, flops / piece_flops));
    m = round_up(divide_up(M, std::clamp(M / good_tile, int64_t{1}, pieces)), 16);
    rows = divide_up(M, m);
    n = round_up(divide_up(N, std::clamp(N / good_tile, int64_t{1}, divide_up(std::min(enough_tiles, pieces), rows))), 16);
    columns = divide_up(N, n);
  }
};

/// A view whose matrices a library can read: itself, or a copy where neither rows nor columns lie together.
template <class T>
class Readable {
 public:
  explicit Readable(const View& in) : view_(in), copy_(lies_well(in) ? 0 : stored(in)) {
    if (lies_well(in)) return;
    View from = in;
    for (int d = 0; d + 2 < in.shape.rank; ++d)
      if (in.strides[d] == 0) from.shape[d] = 1;
    view_ = {copy_.data(), in.dtype, in.shape, contiguous_strides(from.shape)};
    const View to{copy_.data(), in.dtype, from.shape, view_.strides};
    run({}, calls::Copy{to, from});
    for (int d = 0; d + 2 < in.shape.rank; ++d)
      if (from.shape[d] == 1) view_.strides[d] = 0;
  }
  const View& view() const { return view_; }

 private:
  static bool lies_well(const View& v) {
    const int64_t rows = v.shape.back(1), columns = v.shape.back(0), row = v.strides.back(1), column = v.strides.back(0);
    return ((column == 1 || columns == 1) && (row >= columns || rows == 1)) ||
           ((row == 1 || rows == 1) && (column >= rows || columns == 1));
  }
  static int64_t stored(const View& v) {
    int64_t n = v.shape.back(0) * v.shape.back(1);
    for (int d = 0; d + 2 < v.shape.rank; ++d)
      if (v.strides[d] != 0) n *= v.shape[d];
    return n;
  }
  View view_;
  Scratch<T> copy_;
};

/// c += the rows of `more`, one behind the other.
template <class T>
void add(const Matrix<T>& c, const T* more, int64_t m, int64_t n) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      T& sum = c.at(i, j);
      if constexpr (std::is_same_v<T, int64_t>)
        sum = static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(*more++));
      else
        sum += *more++;
    }
}

template <class T>
void multiply(const View& out, const View& a, const View& b) {
  const int r = out.shape.rank;
  const int64_t n = out.shape[r - 1], k = a.shape[r - 1];
  // Rows go inside the batch as one more dimension along which b stands still: where a and out allow, batches join them.
  Loop<3> loop;
  for (int d = 0; d + 2 < r; ++d) loop.push_inner(out.shape[d], {out.strides[d], a.strides[d], b.strides[d]});
  loop.push_inner(out.shape[r - 2], {out.strides[r - 2], a.strides[r - 2], 0});
  const int last = loop.rank - 1;
  const bool has_rows = loop.rank > 0 && loop.stride[2][last] == 0;
  const int64_t m = has_rows ? loop.extent[last] : 1;
  const Matrix<T> c0{static_cast<T*>(out.data), has_rows ? loop.stride[0][last] : n, out.strides[r - 1]};
  const Matrix<const T> a0{static_cast<const T*>(a.data), has_rows ? loop.stride[1][last] : k, a.strides[r - 1]};
  const Matrix<const T> b0{static_cast<const T*>(b.data), b.strides[r - 2], b.strides[r - 1]};
  const int outer = has_rows ? last : loop.rank;

  const Tiling t(m, n, k);
  const int64_t batches = loop.count(outer), tiles = t.rows * t.columns;
  // The pieces of an inner sum are added in order: by whoever has the tile, or, where there are few tiles, after all pieces.
  const bool apart = t.inner > 1 && batches * tiles < enough_tiles;
  const int64_t jobs = apart ? tiles * t.inner : tiles;
  Scratch<T> partial(apart ? batches * (t.inner - 1) * m * n : 0);  // the first piece goes to the output, the others here
  const double flops = 2.0 * static_cast<double>(t.m * t.n) * static_cast<double>(apart ? t.k : k);
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(1e6 / flops));
  Failure failure;
  parallel_ranges(batches * jobs, grain, flops / flops_per_ns, [&](int64_t begin, int64_t end) {
    failure.guard([&] {
      Scratch<T> more(t.inner > 1 && !apart ? t.m * t.n : 0);
      Cursor<3> cursor(loop, outer, begin / jobs);
      int64_t job = begin % jobs;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t tile = apart ? job / t.inner : job, row = tile / t.columns * t.m, column = tile % t.columns * t.n;
        const int64_t tm = std::min(t.m, m - row), tn = std::min(t.n, n - column);
        const Matrix<T> c{c0.data + cursor.offset[0], c0.row, c0.column}, part{&c.at(row, column), c.row, c.column};
        const auto compute = [&](const Matrix<T>& to, int64_t piece) {
          const int64_t p = piece * t.k;
          gemm<T>(to, {&a0.at(row, p) + cursor.offset[1], a0.row, a0.column}, {&b0.at(p, column) + cursor.offset[2], b0.row, b0.column}, tm,
                  tn, std::min(t.k, k - p));
        };
        if (!apart) {
          compute(part, 0);
          for (int64_t piece = 1; piece < t.inner; ++piece) {
            compute({more.data(), tn, 1}, piece);
            add(part, more.data(), tm, tn);
          }
        } else if (const int64_t piece = job % t.inner; piece == 0) {
          compute(part, 0);
        } else {
          T* to = partial.data() + (i / jobs * (t.inner - 1) + piece - 1) * m * n;
          compute({to + row * n + column, n, 1}, piece);
        }
        if (++job == jobs) job = 0, cursor.next();
      }
    });
  });
  failure.rethrow();
  if (!apart) return;
  Cursor<3> cursor(loop, outer, 0);
  for (int64_t batch = 0; batch < batches; ++batch, cursor.next())
    for (int64_t piece = 1; piece < t.inner; ++piece)
      add(Matrix<T>{c0.data + cursor.offset[0], c0.row, c0.column}, partial.data() + (batch * (t.inner - 1) + piece - 1) * m * n, m, n);
}

template <class T>
void multiply_any_layout(const View& out, const View& a, const View& b) {
  const Readable<T> left(a), right(b);
  multiply<T>(out, left.view(), right.view());
}

}  // namespace

void run(Where at, const calls::Matmul& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  if (a.shape.back(0) == 0) return run(at, calls::Fill{out, {0, 0}});
  switch (out.dtype) {
    case DType::float32:
      return multiply_any_layout<float>(out, a, b);
    case DType::float64:
      return multiply_any_layout<double>(out, a, b);
    case DType::int64:
      return multiply_any_layout<int64_t>(out, a, b);
    default:
      throw Error({}, "matmul: bool matrices; cast them first");
  }
}

}  // namespace scoregrad::on_cpu
