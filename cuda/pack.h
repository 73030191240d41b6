// What generated kernels are made of: elements that move as one, numbers that come as arguments, the thread's place in the grid. Device
// code for NVRTC.
#pragma once
#include "cuda/loop.h"
#include "cuda/scalar.h"

namespace scoregrad::on_cuda {

using device::Wrapping;

/// W neighbouring elements, which one instruction loads or stores where W fills 16 bytes.
template <class S, int W>
struct alignas(sizeof(S) * W) Pack {
  S at[W];
};

/// A program's constant, in the program's type.
union Number {
  float single;
  double full;
  int64_t whole;
};
__device__ inline float number(const Number& n, float) { return n.single; }
__device__ inline double number(const Number& n, double) { return n.full; }
__device__ inline Wrapping number(const Number& n, Wrapping) { return Wrapping(n.whole); }
__device__ inline bool number(const Number& n, bool) { return n.whole != 0; }

/// W elements from `at` on, or the n < W that there are, the rest being of no account.
template <class S, int W>
__device__ inline Pack<S, W> load(const void* data, int64_t at, int n) {
  const S* from = static_cast<const S*>(data) + at;
  if (n == W) return *reinterpret_cast<const Pack<S, W>*>(from);
  Pack<S, W> x;
#pragma unroll
  for (int k = 0; k < W; ++k) x.at[k] = from[k < n ? k : 0];
  return x;
}
/// One element, W times.
template <class S, int W>
__device__ inline Pack<S, W> repeat(const void* data, int64_t at) {
  const S one = static_cast<const S*>(data)[at];
  Pack<S, W> x;
  for (int k = 0; k < W; ++k) x.at[k] = one;
  return x;
}
template <class S, int W>
__device__ inline void store(void* data, int64_t at, const Pack<S, W>& x, int n) {
  S* to = static_cast<S*>(data) + at;
  if (n == W) {
    *reinterpret_cast<Pack<S, W>*>(to) = x;
  } else {
    // Not `k < n` alone: registers cannot be indexed, and a pack that is would lie in local memory on the main path too.
#pragma unroll
    for (int k = 0; k < W; ++k)
      if (k < n) to[k] = x.at[k];
  }
}

__device__ inline int64_t first_item() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline int64_t all_items() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

}  // namespace scoregrad::on_cuda
