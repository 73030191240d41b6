// Copies between any two strided layouts, with casts, and fills.
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/nest.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int threads = 256, tile = 32;

template <class U>
__global__ void copy_elements(U* out, const U* in, Loop<2> loop) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < loop.extents.count; i += int64_t{gridDim.x} * threads) {
    int64_t at[2];
    loop.offsets(i, at);
    out[at[0]] = in[at[1]];
  }
}

// out[r * so + c] = in[r + c * si] in tiles by way of shared memory, so that both sides are read and written along rows. A tile's rows are
// one element longer than they need be, which puts its columns into different banks.
template <class U>
__global__ void transpose(U* out, const U* in, int64_t rows, int64_t columns, int64_t so, int64_t si, int64_t row_tiles, int64_t tiles,
                          Loop<2> outer) {
  __shared__ U part[tile][tile + 1];
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    int64_t at[2];
    const int64_t column_tiles = (columns + tile - 1) / tile, within = t % (row_tiles * column_tiles);
    outer.offsets(t / (row_tiles * column_tiles), at);
    const int64_t r0 = within / column_tiles * tile, c0 = within % column_tiles * tile, x = threadIdx.x;
    for (int64_t y = threadIdx.y; y < tile; y += blockDim.y)
      if (r0 + x < rows && c0 + y < columns) part[y][x] = in[at[1] + r0 + x + (c0 + y) * si];
    __syncthreads();
    for (int64_t y = threadIdx.y; y < tile; y += blockDim.y)
      if (r0 + y < rows && c0 + x < columns) out[at[0] + (r0 + y) * so + c0 + x] = part[x][y];
    __syncthreads();
  }
}

/// An element on its way between types: floating ones as doubles, which hold them exactly, the others as integers.
struct Value {
  bool whole;
  double f;
  int64_t i;
};
__device__ Value read(DType t, const void* data, int64_t at) {
  switch (t) {
    case DType::float32:
      return {false, static_cast<const float*>(data)[at], 0};
    case DType::float64:
      return {false, static_cast<const double*>(data)[at], 0};
    case DType::int64:
      return {true, 0, static_cast<const int64_t*>(data)[at]};
    default:
      return {true, 0, static_cast<const bool*>(data)[at] ? 1 : 0};
  }
}
/// Saturates, NaN becomes 0.
__device__ int64_t whole(double x) {
  if (!(x == x)) return 0;
  if (x >= 0x1p63) return INT64_MAX;
  return x < -0x1p63 ? INT64_MIN : static_cast<int64_t>(x);
}
__device__ void write(DType t, void* data, int64_t at, Value v) {
  switch (t) {
    case DType::float32:
      static_cast<float*>(data)[at] = v.whole ? static_cast<float>(v.i) : static_cast<float>(v.f);
      return;
    case DType::float64:
      static_cast<double*>(data)[at] = v.whole ? static_cast<double>(v.i) : v.f;
      return;
    case DType::int64:
      static_cast<int64_t*>(data)[at] = v.whole ? v.i : whole(v.f);
      return;
    default:
      static_cast<bool*>(data)[at] = v.whole ? v.i != 0 : v.f != 0;
  }
}
__global__ void cast_elements(void* out, DType to, const void* in, DType from, Loop<2> loop) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < loop.extents.count; i += int64_t{gridDim.x} * threads) {
    int64_t at[2];
    loop.offsets(i, at);
    write(to, out, at[0], read(from, in, at[1]));
  }
}

template <class U>
__global__ void fill_elements(U* out, U value, Loop<1> loop) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < loop.extents.count; i += int64_t{gridDim.x} * threads) {
    int64_t at[1];
    loop.offsets(i, at);
    out[at[0]] = value;
  }
}

/// The dimension along which the input runs contiguously while the output's innermost one strides through it; -1 where there is none.
int transposed_dimension(const Loop<2>& loop) {
  const int last = loop.extents.rank - 1;
  if (last < 1 || loop.extents.extent[last] < 8 || loop.stride[0][last] != 1 || loop.stride[1][last] == 1 || loop.stride[1][last] == 0)
    return -1;
  for (int d = 0; d < last; ++d)
    if (loop.stride[1][d] == 1 && loop.extents.extent[d] >= 8) return d;
  return -1;
}

template <class U>
void transpose_as(const View& out, const View& in, const Loop<2>& loop, int d) {
  // What is left of the nest are the matrices.
  const int last = loop.extents.rank - 1;
  Loop<2> outer{};
  Extents& e = outer.extents;
  e.count = 1;
  e.wide = loop.extents.wide;
  for (int k = 0; k < last; ++k) {
    if (k == d) continue;
    e.extent[e.rank] = loop.extents.extent[k];
    e.divisor[e.rank] = loop.extents.divisor[k];
    e.count *= loop.extents.extent[k];
    for (int n = 0; n < 2; ++n) outer.stride[n][e.rank] = loop.stride[n][k];
    ++e.rank;
  }
  const int64_t rows = loop.extents.extent[d], columns = loop.extents.extent[last], row_tiles = (rows + tile - 1) / tile;
  const int64_t tiles = e.count * row_tiles * ((columns + tile - 1) / tile);
  launch("copy", transpose<U>, dim3(blocks_for(tiles, 1)), dim3(tile, 8), 0, static_cast<U*>(out.data), static_cast<const U*>(in.data),
         rows, columns, loop.stride[0][d], loop.stride[1][last], row_tiles, tiles, outer);
}

template <class U>
void copy_as(const View& out, const View& in, const Loop<2>& loop) {
  if (const int d = transposed_dimension(loop); d >= 0) return transpose_as<U>(out, in, loop, d);
  launch("copy", copy_elements<U>, dim3(blocks_for(loop.extents.count, threads)), dim3(threads), 0, static_cast<U*>(out.data),
         static_cast<const U*>(in.data), loop);
}

template <class U>
void fill_as(const View& out, U value) {
  const Loop<1> loop = loop_of<1>(out.shape, {&out.strides}, 0);
  launch("fill", fill_elements<U>, dim3(blocks_for(loop.extents.count, threads)), dim3(threads), 0, static_cast<U*>(out.data), value, loop);
}

}  // namespace

void run(Where, const calls::Copy& c) {
  const View &out = c.out, &in = c.in;
  const int64_t n = numel(out.shape);
  if (n == 0) return;
  const Loop<2> loop = loop_of<2>(out.shape, {&out.strides, &in.strides}, 0);
  const bool whole = loop.extents.rank == 0 || (loop.extents.rank == 1 && loop.stride[0][0] == 1 && loop.stride[1][0] == 1);
  if (out.dtype != in.dtype)
    launch("copy", cast_elements, dim3(blocks_for(n, threads)), dim3(threads), 0, out.data, out.dtype, in.data, in.dtype, loop);
  else if (whole)
    check({}, "copy", cudaMemcpyAsync(out.data, in.data, static_cast<size_t>(n) * size_of(out.dtype), cudaMemcpyDeviceToDevice, stream()));
  else if (size_of(out.dtype) == 4)
    copy_as<uint32_t>(out, in, loop);
  else if (size_of(out.dtype) == 8)
    copy_as<uint64_t>(out, in, loop);
  else
    copy_as<uint8_t>(out, in, loop);
}

void run(Where, const calls::Fill& c) {
  const View& out = c.out;
  const Immediate value = c.value;
  if (numel(out.shape) == 0) return;
  switch (out.dtype) {
    case DType::float32:
      return fill_as(out, static_cast<float>(value.f));
    case DType::float64:
      return fill_as(out, value.f);
    case DType::int64:
      return fill_as(out, value.i);
    case DType::boolean:
      return fill_as(out, static_cast<uint8_t>(value.i != 0));
  }
}

}  // namespace scoregrad::on_cuda
