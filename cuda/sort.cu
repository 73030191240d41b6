// Sorts lines with their positions, by a bitonic network (Batcher 1968) on items that no two of are equal: steps within 1024 items run in
// shared memory, longer ones over global memory, three to a pass.
#include "cuda/sort.h"

#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/nest.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int threads = 512, tile = 2 * threads, log2_tile = 10;
static_assert(tile == 1 << log2_tile);

/// Bits of a floating number as an integer that orders alike; the zeros are equal, NaN is above all.
__device__ uint64_t ordered(double x, bool descending) {
  if (x != x) return UINT64_MAX;
  if (x == 0) x = 0;
  const uint64_t bits = static_cast<uint64_t>(__double_as_longlong(x)), top = uint64_t{1} << 63;
  const uint64_t key = bits & top ? ~bits : bits | top;
  return descending ? ~key : key;
}
__device__ uint64_t ordered(int64_t x, bool descending) {
  const uint64_t key = static_cast<uint64_t>(x) ^ (uint64_t{1} << 63);
  return descending ? ~key : key;
}

__global__ void fill_items(Item* items, const void* in, DType dtype, int64_t length, int64_t padded, int64_t step, bool descending,
                           Loop<1> lines) {
  const int64_t total = lines.extents.count * padded;
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < total; i += int64_t{gridDim.x} * threads) {
    const int64_t k = i % padded;
    Item item{UINT64_MAX, k};
    if (k < length) {
      int64_t at[1];
      lines.offsets(i / padded, at);
      const int64_t from = at[0] + k * step;
      if (dtype == DType::float32)
        item.key = ordered(static_cast<double>(static_cast<const float*>(in)[from]), descending);
      else if (dtype == DType::float64)
        item.key = ordered(static_cast<const double*>(in)[from], descending);
      else if (dtype == DType::int64)
        item.key = ordered(static_cast<const int64_t*>(in)[from], descending);
      else
        item.key = ordered(static_cast<int64_t>(static_cast<const bool*>(in)[from]), descending);
    }
    items[i] = item;
  }
}

/// Puts two items in order; `k` is the place of the first in its line, `run` the length of the runs being merged, which lie upwards and
/// downwards in turn.
__device__ void exchange(Item& a, Item& b, int64_t k, int64_t run) {
  const bool upwards = (k & run) == 0, wrong = a.key > b.key || (a.key == b.key && a.position > b.position);
  if (wrong == upwards) {
    const Item t = a;
    a = b;
    b = t;
  }
}

/// `steps` steps in one pass over memory, the last over pairs 2^shift apart: a thread has all items that these exchange among each other.
template <int steps>
__global__ void exchange_far(Item* items, int64_t total, int64_t padded, int64_t run, int shift) {
  constexpr int count = 1 << steps;
  for (int64_t p = blockIdx.x * int64_t{threads} + threadIdx.x; p < total >> steps; p += int64_t{gridDim.x} * threads) {
    const int64_t i = (p >> shift << (shift + steps)) + (p & ((int64_t{1} << shift) - 1));
    Item mine[count];
    for (int j = 0; j < count; ++j) mine[j] = items[i + (static_cast<int64_t>(j) << shift)];
    for (int apart = count / 2; apart > 0; apart /= 2)
      for (int j = 0; j < count; ++j)
        if ((j & apart) == 0) exchange(mine[j], mine[j + apart], i & (padded - 1), run);
    for (int j = 0; j < count; ++j) items[i + (static_cast<int64_t>(j) << shift)] = mine[j];
  }
}

/// The steps of runs first, 2 first, ..., last at distances below a tile, each block on a tile of its own.
__global__ void exchange_near(Item* items, int64_t total, int64_t padded, int64_t first, int64_t last) {
  __shared__ Item part[tile];
  for (int64_t start = blockIdx.x * int64_t{tile}; start < total; start += int64_t{gridDim.x} * tile) {
    for (int i = threadIdx.x; i < tile && start + i < total; i += threads) part[i] = items[start + i];
    for (int64_t run = first; run <= last; run *= 2)
      for (int distance = static_cast<int>(run / 2 < threads ? run / 2 : threads); distance > 0; distance /= 2) {
        __syncthreads();
        const int p = threadIdx.x, i = p / distance * (2 * distance) + p % distance;
        if (start + i + distance < total) exchange(part[i], part[i + distance], (start + i) & (padded - 1), run);
      }
    __syncthreads();
    for (int i = threadIdx.x; i < tile && start + i < total; i += threads) items[start + i] = part[i];
    __syncthreads();
  }
}

template <class U>
__global__ void write_sorted(U* values, int64_t* indices, const U* in, const Item* items, int64_t length, int64_t padded,
                             int64_t value_step, int64_t index_step, int64_t in_step, Loop<3> lines) {
  const int64_t total = lines.extents.count * length;
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < total; i += int64_t{gridDim.x} * threads) {
    const int64_t line = i / length, k = i % length, position = items[line * padded + k].position;
    int64_t at[3];
    lines.offsets(line, at);
    values[at[0] + k * value_step] = in[at[2] + position * in_step];
    indices[at[1] + k * index_step] = position;
  }
}

template <class U>
void write_as(const View& values, const View& indices, const View& in, int axis, const Item* items) {
  Shape shape = in.shape;
  shape[axis] = 1;
  const Loop<3> lines = loop_of<3>(shape, {&values.strides, &indices.strides, &in.strides}, -1);
  launch("sort", write_sorted<U>, dim3(blocks_for(numel(in.shape), threads)), dim3(threads), 0, static_cast<U*>(values.data),
         static_cast<int64_t*>(indices.data), static_cast<const U*>(in.data), items, in.shape[axis], padded_length(in.shape[axis]),
         values.strides[axis], indices.strides[axis], in.strides[axis], lines);
}

}  // namespace

int64_t padded_length(int64_t n) {
  int64_t padded = 1;
  while (padded < n) padded *= 2;
  return padded;
}

void make_items(const char* op, Item* items, const View& in, int axis, bool descending) {
  Shape shape = in.shape;
  shape[axis] = 1;
  const Loop<1> lines = loop_of<1>(shape, {&in.strides}, -1);
  const int64_t padded = padded_length(in.shape[axis]);
  launch(op, fill_items, dim3(blocks_for(lines.extents.count * padded, threads)), dim3(threads), 0, items, in.data, in.dtype,
         in.shape[axis], padded, in.strides[axis], descending, lines);
}

void sort_items(const char* op, Item* items, int64_t lines, int64_t padded) {
  const int64_t total = lines * padded;
  const dim3 tiles(blocks_for(total, tile)), block(threads);
  if (padded > 1) launch(op, exchange_near, tiles, block, 0, items, total, padded, int64_t{2}, padded < tile ? padded : int64_t{tile});
  for (int64_t run = 2 * tile; run <= padded; run *= 2) {
    int left = 0;  // steps at distances of a tile and more
    while (int64_t{tile} << left < run) ++left;
    for (int steps = 0; left > 0; left -= steps) {
      steps = left < 3 ? left : 3;
      const auto kernel = steps == 3 ? exchange_far<3> : steps == 2 ? exchange_far<2> : exchange_far<1>;
      launch(op, kernel, dim3(blocks_for(total >> steps, threads)), block, 0, items, total, padded, run, log2_tile + left - steps);
    }
    launch(op, exchange_near, tiles, block, 0, items, total, padded, run, run);
  }
}

void run(Where, const calls::Sort& c) {
  const View& in = c.in;
  const int axis = c.axis;
  if (numel(in.shape) == 0) return;
  const int64_t padded = padded_length(in.shape[axis]), lines = numel(in.shape) / in.shape[axis];
  Scratch<Item> items(lines * padded);
  make_items(c.name, items.data(), in, axis, c.descending);
  sort_items(c.name, items.data(), lines, padded);
  if (size_of(in.dtype) == 4)
    write_as<uint32_t>(c.values, c.indices, in, axis, items.data());
  else if (size_of(in.dtype) == 8)
    write_as<uint64_t>(c.values, c.indices, in, axis, items.data());
  else
    write_as<uint8_t>(c.values, c.indices, in, axis, items.data());
}

}  // namespace scoregrad::on_cuda
