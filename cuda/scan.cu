// Running sums along one axis, element by element in order as on the CPU, float32 in double: the additions of a line are one chain. Many
// lines go side by side, a thread each; few long ones take a block each, which brings them through shared memory tile by tile while one of
// its threads adds.
#include <type_traits>

#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/nest.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int threads = 256, tile = 1024;

template <class T>
using Running_sum = std::conditional_t<std::is_same_v<T, float>, double, std::conditional_t<std::is_same_v<T, int64_t>, uint64_t, T>>;

template <class T>
__global__ void scan_side_by_side(T* out, const T* in, int64_t length, int64_t so, int64_t si, Loop<2> lines) {
  for (int64_t line = blockIdx.x * int64_t{threads} + threadIdx.x; line < lines.extents.count; line += int64_t{gridDim.x} * threads) {
    int64_t at[2];
    lines.offsets(line, at);
    Running_sum<T> sum = 0;
    for (int64_t k = 0; k < length; ++k) {
      sum += static_cast<Running_sum<T>>(in[at[1] + k * si]);
      out[at[0] + k * so] = static_cast<T>(sum);
    }
  }
}

/// part[k] becomes the sum of part[0] .. part[k] and of what came before. Each addition waits for the one before it and for nothing else:
/// the next numbers are on their way meanwhile.
template <class T>
__device__ void add_in_order(T* part, int n, Running_sum<T>& sum) {
  constexpr int step = 8;
  T now[step], next[step];
  const int whole = n / step * step;
  if (whole > 0)
    for (int j = 0; j < step; ++j) next[j] = part[j];
  for (int k = 0; k < whole; k += step) {
    for (int j = 0; j < step; ++j) now[j] = next[j];
    if (k + step < whole)
      for (int j = 0; j < step; ++j) next[j] = part[k + step + j];
    for (int j = 0; j < step; ++j) {
      sum += static_cast<Running_sum<T>>(now[j]);
      part[k + j] = static_cast<T>(sum);
    }
  }
  for (int k = whole; k < n; ++k) {
    sum += static_cast<Running_sum<T>>(part[k]);
    part[k] = static_cast<T>(sum);
  }
}

// Three tiles are at work at a time: one comes, in one the block's first thread adds, one goes. The rest of its warp stays away, which
// would take turns with it.
template <class T>
__global__ void scan_one_by_one(T* out, const T* in, int64_t length, int64_t so, int64_t si, Loop<2> lines) {
  __shared__ T part[3][tile];
  constexpr int warp = 32;
  const int64_t tiles = (length + tile - 1) / tile;
  const auto size = [&](int64_t t) { return static_cast<int>(length - t * tile < tile ? length - t * tile : tile); };
  for (int64_t line = blockIdx.x; line < lines.extents.count; line += gridDim.x) {
    int64_t at[2];
    lines.offsets(line, at);
    Running_sum<T> sum = 0;
    for (int64_t t = 0; t < tiles + 2; ++t) {
      const int mover = static_cast<int>(threadIdx.x) - warp;
      if (threadIdx.x == 0 && t > 0 && t <= tiles) add_in_order(part[(t - 1) % 3], size(t - 1), sum);
      if (mover >= 0 && t < tiles)
        for (int k = mover; k < size(t); k += threads - warp) part[t % 3][k] = in[at[1] + (t * tile + k) * si];
      if (mover >= 0 && t > 1)
        for (int k = mover; k < size(t - 2); k += threads - warp) out[at[0] + ((t - 2) * tile + k) * so] = part[(t - 2) % 3][k];
      __syncthreads();
    }
  }
}

template <class T>
void scan(const View& out, const View& in, int axis) {
  Shape shape = in.shape;
  shape[axis] = 1;
  const Loop<2> lines = loop_of<2>(shape, {&out.strides, &in.strides}, 0);
  const int64_t count = lines.extents.count, length = in.shape[axis];
  const bool side_by_side = count >= 4096 || length < 64;
  launch("cumsum", side_by_side ? scan_side_by_side<T> : scan_one_by_one<T>, dim3(blocks_for(count, side_by_side ? threads : 1)),
         dim3(threads), 0, static_cast<T*>(out.data), static_cast<const T*>(in.data), length, out.strides[axis], in.strides[axis], lines);
}

}  // namespace

void run(Where, const calls::CumSum& c) {
  if (numel(c.in.shape) == 0) return;
  switch (c.in.dtype) {
    case DType::float32:
      return scan<float>(c.out, c.in, c.axis);
    case DType::float64:
      return scan<double>(c.out, c.in, c.axis);
    case DType::int64:
      return scan<int64_t>(c.out, c.in, c.axis);
    default:
      throw Error({}, "cumsum: bool elements; cast them first");
  }
}

}  // namespace scoregrad::on_cuda
