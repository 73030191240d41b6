// Reading and adding at positions that are data. The selecting forms are the gathering ones with an index that is repeated (stride 0) along
// the other axes. Indices are checked before anything is written, which costs a wait for the device: an error names the index that is out
// of range as on the CPU. A graph (cuda/graph.h) is told later.
//
// Sums have the CPU's order, without atomics: either each line along the axis belongs to one thread, which adds in order, or, where lines
// are few and long, positions are sorted by destination (a stable order) and each destination belongs to one thread.
#include "cuda/graph.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/nest.h"
#include "cuda/sort.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int threads = 256;

/// The first place of an index that is out of range, or the largest such index as an unsigned number: whichever is asked for.
__global__ void find_wrong(unsigned long long* first, unsigned long long* worst, const int64_t* index, uint64_t extent, Loop<1> loop) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < loop.extents.count; i += int64_t{gridDim.x} * threads) {
    int64_t at[1];
    loop.offsets(i, at);
    const auto k = static_cast<unsigned long long>(index[at[0]]);
    if (k < extent) continue;
    if (first) atomicMin(first, static_cast<unsigned long long>(i));
    if (worst) atomicMax(worst, k);
  }
}

// In a graph the check is part of it, and what waits for the GPU next reads its verdict; meanwhile a wrong index reads 0 and adds nothing.
void check_indices(Where at, const char* op, const View& index, const View& indexed, int axis) {
  if (numel(index.shape) == 0) return;
  const int64_t extent = indexed.shape[axis];
  const Loop<1> loop = loop_of<1>(index.shape, {&index.strides}, 0);
  const dim3 grid(blocks_for(loop.extents.count, threads));
  const auto* from = static_cast<const int64_t*>(index.data);
  const auto say = [before = std::string(op) + ": index ", after = " is out of range for axis " + std::to_string(axis) + " of shape " +
                                                                   to_string(indexed.shape) + ", extent " + std::to_string(extent)](
                       unsigned long long k) { return before + std::to_string(static_cast<int64_t>(k)) + after; };
  if (in_graph() && extent > 0)
    return launch(op, find_wrong, grid, dim3(threads), 0, nullptr, verdict(at, say), from, static_cast<uint64_t>(extent), loop);
  Scratch<unsigned long long> first(1);
  check(at, op, cudaMemsetAsync(first.data(), 0xff, sizeof(unsigned long long), stream()));
  launch(op, find_wrong, grid, dim3(threads), 0, first.data(), nullptr, from, static_cast<uint64_t>(extent), loop);
  unsigned long long bad = 0;
  download(&bad, first.data(), sizeof bad);
  if (bad == ~0ull) return;
  int64_t offset[1], value = 0;
  loop.offsets(static_cast<int64_t>(bad), offset);
  download(&value, from + offset[0], sizeof value);
  throw Error(at, say(static_cast<unsigned long long>(value)));
}

/// index [n] seen with the shape of `like`, n along `axis`.
View along_axis(const View& index, const Shape& like, int axis) {
  View wide{index.data, index.dtype, like, like};
  for (int d = 0; d < like.rank; ++d) wide.strides[d] = d == axis ? index.strides[0] : 0;
  return wide;
}

template <class U>
__global__ void gather_elements(U* out, const int64_t* index, const U* in, int64_t step, uint64_t extent, Loop<3> loop) {
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < loop.extents.count; i += int64_t{gridDim.x} * threads) {
    int64_t at[3];
    loop.offsets(i, at);
    const int64_t k = index[at[1]];
    out[at[0]] = static_cast<uint64_t>(k) < extent ? in[at[2] + k * step] : U(0);
  }
}

template <class U>
void gather_as(const char* op, const View& out, const View& in, const View& index, int axis) {
  Strides others = in.strides;
  others[axis] = 0;
  const Loop<3> loop = loop_of<3>(out.shape, {&out.strides, &index.strides, &others}, 0);
  launch(op, gather_elements<U>, dim3(blocks_for(loop.extents.count, threads)), dim3(threads), 0, static_cast<U*>(out.data),
         static_cast<const int64_t*>(index.data), static_cast<const U*>(in.data), in.strides[axis], static_cast<uint64_t>(in.shape[axis]),
         loop);
}

void gather_checked(const char* op, const View& out, const View& in, const View& index, int axis) {
  if (numel(out.shape) == 0) return;
  if (size_of(in.dtype) == 4)
    gather_as<uint32_t>(op, out, in, index, axis);
  else if (size_of(in.dtype) == 8)
    gather_as<uint64_t>(op, out, in, index, axis);
  else
    gather_as<uint8_t>(op, out, in, index, axis);
}

/// Integers wrap: they are added as unsigned ones.
template <class T>
__global__ void scatter_lines(T* out, const int64_t* index, const T* in, int64_t length, int64_t step, int64_t index_step, int64_t in_step,
                              uint64_t extent, Loop<3> lines) {
  for (int64_t line = blockIdx.x * int64_t{threads} + threadIdx.x; line < lines.extents.count; line += int64_t{gridDim.x} * threads) {
    int64_t at[3];
    lines.offsets(line, at);
    for (int64_t k = 0; k < length; ++k) {
      const int64_t d = index[at[1] + k * index_step];
      if (static_cast<uint64_t>(d) < extent) out[at[0] + d * step] += in[at[2] + k * in_step];
    }
  }
}

/// Destination d of a line adds what the sorted items from the first with key d on name. `shared_order`: one line of items serves all.
template <class T>
__global__ void scatter_sorted(T* out, const Item* items, const T* in, int64_t length, int64_t padded, int64_t extent, int64_t step,
                               int64_t in_step, bool shared_order, Loop<2> lines) {
  const int64_t count = lines.extents.count, total = count * extent;
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < total; i += int64_t{gridDim.x} * threads) {
    const int64_t line = i % count;
    // Keys order as the signed numbers do, with the sign bit turned.
    const uint64_t d = static_cast<uint64_t>(i / count), key = d ^ (uint64_t{1} << 63);
    const Item* order = items + (shared_order ? 0 : line * padded);
    int64_t low = 0, high = length;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (order[middle].key < key)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == length || order[low].key != key) continue;
    int64_t at[2];
    lines.offsets(line, at);
    T sum = out[at[0] + static_cast<int64_t>(d) * step];
    for (; low < length && order[low].key == key; ++low) sum += in[at[1] + order[low].position * in_step];
    out[at[0] + static_cast<int64_t>(d) * step] = sum;
  }
}

template <class T>
void scatter_as(const char* op, const View& out, const View& index, const View& in, int axis) {
  Shape shape = in.shape;
  shape[axis] = 1;
  const int64_t length = in.shape[axis], lines = numel(shape), extent = out.shape[axis];
  T* to = static_cast<T*>(out.data);
  const T* from = static_cast<const T*>(in.data);
  if (length < 64 || lines >= 16384) {
    const Loop<3> loop = loop_of<3>(shape, {&out.strides, &index.strides, &in.strides}, 0);
    launch(op, scatter_lines<T>, dim3(blocks_for(lines, threads)), dim3(threads), 0, to, static_cast<const int64_t*>(index.data), from,
           length, out.strides[axis], index.strides[axis], in.strides[axis], static_cast<uint64_t>(extent), loop);
    return;
  }
  View order = index;
  bool shared_order = true;
  for (int d = 0; d < shape.rank; ++d) shared_order = shared_order && (d == axis || shape[d] == 1 || index.strides[d] == 0);
  for (int d = 0; d < shape.rank && shared_order; ++d)
    if (d != axis) order.shape[d] = 1;
  const int64_t orders = shared_order ? 1 : lines, padded = padded_length(length);
  Scratch<Item> items(orders * padded);
  make_items(op, items.data(), order, axis, false);
  sort_items(op, items.data(), orders, padded);
  const Loop<2> loop = loop_of<2>(shape, {&out.strides, &in.strides}, -1);
  launch(op, scatter_sorted<T>, dim3(blocks_for(lines * extent, threads)), dim3(threads), 0, to, static_cast<const Item*>(items.data()),
         from, length, padded, extent, out.strides[axis], in.strides[axis], shared_order, loop);
}

void scatter_checked(const char* op, const View& out, const View& index, const View& in, int axis) {
  if (numel(in.shape) == 0) return;
  switch (in.dtype) {
    case DType::float32:
      return scatter_as<float>(op, out, index, in, axis);
    case DType::float64:
      return scatter_as<double>(op, out, index, in, axis);
    case DType::int64:
      return scatter_as<uint64_t>(op, out, index, in, axis);
    default:
      throw Error({}, std::string(op) + ": bool elements; cast them first");
  }
}

}  // namespace

void run(Where at, const calls::Gather& c) {
  check_indices(at, c.name, c.index, c.in, c.axis);
  gather_checked(c.name, c.out, c.in, c.index, c.axis);
}

void run(Where at, const calls::ScatterAdd& c) {
  check_indices(at, c.name, c.index, c.out, c.axis);
  scatter_checked(c.name, c.out, c.index, c.in, c.axis);
}

void run(Where at, const calls::IndexSelect& c) {
  check_indices(at, c.name, c.index, c.in, c.axis);
  gather_checked(c.name, c.out, c.in, along_axis(c.index, c.out.shape, c.axis), c.axis);
}

void run(Where at, const calls::IndexAdd& c) {
  check_indices(at, c.name, c.index, c.out, c.axis);
  scatter_checked(c.name, c.out, along_axis(c.index, c.in.shape, c.axis), c.in, c.axis);
}

}  // namespace scoregrad::on_cuda
