// Copies between any two strided layouts, with casts, and fills.
#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "cpu/block_loops.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

namespace {

constexpr int64_t grain = 1 << 15;  // elements in one piece of work
constexpr int64_t streamed_bytes = 4 << 20;
constexpr int64_t tile = 64;  // edge of a block of a transposition

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_same_v<To, int64_t> && std::is_floating_point_v<From>) {
    // Saturates, NaN becomes 0: what a GPU does, where C++ leaves it undefined.
    if (!(x == x)) return 0;
    if (x >= From(0x1p63)) return std::numeric_limits<int64_t>::max();
    return x < From(-0x1p63) ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class To, class From>
void run(To* out, int64_t so, const From* in, int64_t si, int64_t n) {
  if (so == 1 && si == 1) {
    if constexpr (std::is_same_v<To, From>) {
      std::memcpy(out, in, static_cast<size_t>(n) * sizeof(To));
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
    }
  } else if (so == 1 && si == 0) {
    std::fill_n(out, n, convert<To>(*in));
  } else if (so == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i * si]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * so] = convert<To>(in[i * si]);
  }
}

/// The dimension along which the input runs contiguously while the output's innermost one strides through it; -1 where there is none.
int transposed_dimension(const Loop<2>& loop) {
  const int last = loop.rank - 1;
  if (last < 1 || loop.extent[last] < 4 || loop.stride[0][last] != 1 || loop.stride[1][last] == 1 || loop.stride[1][last] == 0) return -1;
  for (int d = 0; d < last; ++d)
    if (loop.stride[1][d] == 1 && loop.extent[d] >= 4) return d;
  return -1;
}

/// out[r * so + c] = in[r + c * si], by a local array, so that memory is read and written in runs whatever the strides do to the caches.
template <class To, class From>
void transpose_tile(To* out, int64_t so, const From* in, int64_t si, int64_t rows, int64_t columns) {
  From block[tile][tile + 16];
  for (int64_t c = 0; c < columns; ++c) std::memcpy(block[c], in + c * si, static_cast<size_t>(rows) * sizeof(From));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) out[r * so + c] = convert<To>(block[c][r]);
}

template <class To, class From>
void transpose(To* out, const From* in, Loop<2> loop, int d) {
  const int last = loop.rank - 1;
  const int64_t rows = loop.extent[d], columns = loop.extent[last], so = loop.stride[0][d], si = loop.stride[1][last];
  // What is left, with the row dimension cut into strips, is the outer loop.
  const int64_t strips = (rows + tile - 1) / tile;
  for (int i = d; i + 1 < last; ++i) {
    loop.extent[i] = loop.extent[i + 1];
    for (int n = 0; n < 2; ++n) loop.stride[n][i] = loop.stride[n][i + 1];
  }
  const int64_t matrices = loop.count(last - 1);
  parallel_for(matrices * strips, 0.7 * static_cast<double>(matrices * rows * columns), [&](int64_t i) {
    const Cursor<2> cursor(loop, last - 1, i / strips);
    const int64_t r = i % strips * tile;
    for (int64_t c = 0; c < columns; c += tile)
      transpose_tile(out + cursor.offset[0] + r * so + c, so, in + cursor.offset[1] + r + c * si, si, std::min(tile, rows - r),
                     std::min(tile, columns - c));
  });
}

template <class To, class From>
void copy_typed(To* out, const From* in, const Loop<2>& loop) {
  if (const int d = transposed_dimension(loop); d >= 0) return transpose(out, in, loop, d);
  const int64_t so = loop.inner(0), si = loop.inner(1);
  const bool whole = so == 1 && si == 1;
  constexpr int64_t size = sizeof(To);
  // Where the result is larger than the caches, writing past them spares reading what is overwritten.
  const bool past_caches = std::is_same_v<To, From> && whole && loop.count() * size >= streamed_bytes;
  parallel_ranges(loop.count(), grain, whole ? 0.1 * size : 1.0, [&](int64_t begin, int64_t end) {
    for_runs(loop, begin, end, [&](const int64_t* offset, int64_t n) {
      if (past_caches && n * size >= 1024) {
        stream(out + offset[0], in + offset[1], n * size);
      } else {
        run(out + offset[0], so, in + offset[1], si, n);
      }
    });
    if (past_caches) stream_fence();
  });
}

template <class To>
void fill_typed(const View& out, To value) {
  const Loop<1> loop = free_loop<1>(out.shape, {&out.strides});
  To* data = static_cast<To*>(out.data);
  parallel_ranges(loop.count(), grain, 0.1 * sizeof(To), [&](int64_t begin, int64_t end) {
    for_runs(loop, begin, end, [&](const int64_t* offset, int64_t n) { run(data + offset[0], loop.inner(0), &value, 0, n); });
  });
}

}  // namespace

void run(Where at, const calls::Copy& c) {
  const View &out = c.out, &in = c.in;
  if (numel(out.shape) == 0) return;
  const Loop<2> loop = free_loop<2>(out.shape, {&out.strides, &in.strides});
  if (out.dtype == in.dtype && loop.rank > 1 && loop.extent[loop.rank - 1] <= 8 && loop.count() >= 4096) {
    // Rows this short are better read by registers.
    const Access from{in.data, in.dtype, in.strides}, to{out.data, out.dtype, out.strides};
    const uint16_t result = 0;
    return run(at, calls::Elementwise{{in.dtype, 1, 0, nullptr, 0, nullptr, 1, &result}, out.shape, &from, &to});
  }
  dispatch(out.dtype, [&]<class To>(To) {
    dispatch(in.dtype, [&]<class From>(From) { copy_typed(static_cast<To*>(out.data), static_cast<const From*>(in.data), loop); });
  });
}

void run(Where, const calls::Fill& c) {
  const View& out = c.out;
  const Immediate value = c.value;
  if (numel(out.shape) == 0) return;
  switch (out.dtype) {
    case DType::float32:
      return fill_typed(out, static_cast<float>(value.f));
    case DType::float64:
      return fill_typed(out, value.f);
    case DType::int64:
      return fill_typed(out, value.i);
    case DType::boolean:
      return fill_typed(out, value.i != 0);
  }
}

}  // namespace scoregrad::on_cpu
