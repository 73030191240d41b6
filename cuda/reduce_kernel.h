// Reductions on the device, in the order of autograd/backend/reduction_tree.h, bit for bit. Device code for NVRTC; the generated text
// brings what is reduced.
//
// The unit of work is one chunk of one output, done by a team of threads that share the 64 lanes of the tree. In reduce_packs a thread has
// neighbouring lanes, so that it loads 16 bytes at once; in reduce_teams of G threads it has lanes m, m + G, m + 2G, ..., which the tree
// joins before any others. Either way the halving goes on among threads. Where there are several chunks their results go to a table
// [chunk][output], over which a second kernel runs with the whole column as its one chunk.
#pragma once
#include "autograd/backend/reduction_tree.h"
#include "cuda/pack.h"
#include "cuda/reduce_work.h"

namespace scoregrad::on_cuda {

/// An element with its place, for argmax and argmin: NaN goes before all numbers, the first of equals before the others.
template <class T>
struct Best {
  T value;
  int64_t at;
};
template <bool greatest>
struct Arg {
  template <class T>
  static __device__ Best<T> combine(Best<T> a, Best<T> b) {
    return ahead(b, a) ? b : a;
  }
  template <class T>
  static __device__ bool ahead(Best<T> a, Best<T> b) {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan || b_nan) return a_nan && (!b_nan || a.at < b.at);
    if (a.value == b.value) return a.at < b.at;
    return greatest ? a.value > b.value : a.value < b.value;
  }
};
using ArgMax = Arg<true>;
using ArgMin = Arg<false>;

/// What the tree combines, from a register of the program.
template <class T>
__device__ inline T element(T x, int64_t, const T*) {
  return x;
}
__device__ inline int64_t element(Wrapping x, int64_t, const int64_t*) { return x.v; }
template <class S, class T>
__device__ inline Best<T> element(S x, int64_t k, const Best<T>*) {
  return {element(x, k, static_cast<const T*>(nullptr)), k};
}
/// What an output holds.
template <class Out, class T>
__device__ inline Out result(T x) {
  return static_cast<Out>(x);
}
template <class Out, class T>
__device__ inline Out result(Best<T> x) {
  return x.at;
}

template <class Out, class T>
__device__ inline void put(const Work& w, const Target& to, int64_t unit, int64_t output, T value) {
  if (w.chunks > 1) {
    static_cast<T*>(to.table)[unit] = value;
  } else {
    int64_t at[1] = {0};
    if (to.kept.wide)
      add_offsets<true>(to.kept, to.stride, output, at);
    else
      add_offsets<false>(to.kept, to.stride, output, at);
    static_cast<Out*>(to.out)[at[0]] = result<Out>(value);
  }
}

/// Which part of the work a unit is.
struct Unit {
  int64_t output, first, count;  // elements first .. first + count - 1 of the output

  __device__ Unit(const Work& w, int64_t unit) : output(unit), first(0), count(0) {
    if (w.chunks > 1) {
      output = unit % w.outputs;
      first = unit / w.outputs * w.chunk;
    }
    count = w.elements - first < w.chunk ? w.elements - first : w.chunk;
  }
};

template <class C, class T, class Out, int unroll, class Source>
__device__ void reduce_teams(const Work& w, const Target& to, const Source& source) {
  __shared__ T shared[256];
  constexpr int at_once = sizeof(T) > 8 ? (unroll + 3) / 4 : unroll;  // loads on their way, as many as registers hold
  const int team = w.team, teams = static_cast<int>(blockDim.x) / team, thread = static_cast<int>(threadIdx.x);
  const int member = w.across ? thread / teams : thread % team, slot = w.across ? thread % teams : thread / team;
  const int step = w.across ? teams : 1;  // between members, in threads
  const int64_t units = w.outputs * w.chunks;
  for (int64_t start = static_cast<int64_t>(blockIdx.x) * teams; start < units; start += static_cast<int64_t>(gridDim.x) * teams) {
    const int64_t unit = start + slot;
    int64_t count = 0, output = 0;
    T value{};
    if (unit < units) {
      const Unit u(w, unit);
      count = u.count;
      output = u.output;
      const auto elements = source(output);
      // The thread's lanes in the order in which the tree joins them: lane numbers count up with their bits reversed, and a result of
      // 2^level lanes waits until the one it is joined with is there. Which level is not known when the kernel is compiled, but the loop
      // over levels is, so that what waits stays in registers.
      int used = team;
      while (used < tree_lanes && used < count) used *= 2;
      const int lanes = used / team;
      constexpr int levels = 6;
      T waiting[levels];
      int there = 0;
      SG_ROLLED for (int i = 0; i < lanes; ++i) {
        int reversed = 0;
        SG_ROLLED for (int bit = 1, mirrored = lanes / 2; bit < lanes; bit *= 2, mirrored /= 2) if (i & bit) reversed += mirrored;
        const int64_t lane = member + static_cast<int64_t>(reversed) * team;
        T sum{};
        if (lane < count) {
          sum = elements(u.first + lane);
#pragma unroll at_once
          for (int64_t k = lane + tree_lanes; k < count; k += tree_lanes) sum = C::combine(sum, elements(u.first + k));
        }
        bool here = lane < count;
#pragma unroll
        for (int level = 0; level < levels; ++level) {
          const int bit = 1 << level, below = bit - 1;
          if ((i & below) != below) continue;
          if (i & bit) {
            sum = here ? C::combine(waiting[level], sum) : waiting[level];  // the left one is there if the right one is
            here = there & bit;
          } else {
            waiting[level] = sum;
            there = here ? there | bit : there & ~bit;
          }
        }
        value = sum;  // of all lanes in the end
      }
    }
    SG_ROLLED for (int half = team / 2; half > 0; half /= 2) {
      __syncthreads();
      shared[thread] = value;
      __syncthreads();
      if (member < half && member + half < count) value = C::combine(value, shared[thread + half * step]);
    }
    if (unit < units && member == 0) put<Out>(w, to, unit, output, value);
  }
}

template <class C, class T, class Out, int unroll, int W, class Source>
__device__ void reduce_packs(const Work& w, const Target& to, const Source& source) {
  constexpr int lanes = static_cast<int>(tree_lanes), team = lanes / W;
  const int member = static_cast<int>(threadIdx.x) % team, lane = member * W;
  const int64_t units = w.outputs * w.chunks, teams = blockDim.x / team;
  for (int64_t start = blockIdx.x * teams; start < units; start += gridDim.x * teams) {
    const int64_t unit = start + threadIdx.x / team;
    int count = 0;
    int64_t output = 0;
    Pack<T, W> sum{};
    if (unit < units) {
      const Unit u(w, unit);
      count = static_cast<int>(u.count);
      output = u.output;
      const auto elements = source(output);
      const int full = count / lanes, rest = full * lanes;
      if (full > 0) sum = elements.pack(u.first + lane);
#pragma unroll unroll
      for (int s = 1; s < full; ++s) {
        const Pack<T, W> x = elements.pack(u.first + s * lanes + lane);
        for (int j = 0; j < W; ++j) sum.at[j] = C::combine(sum.at[j], x.at[j]);
      }
      for (int j = 0; j < W; ++j)
        if (rest + lane + j < count) {
          const T x = elements(u.first + rest + lane + j);
          sum.at[j] = full > 0 ? C::combine(sum.at[j], x) : x;
        }
    }
    for (int half = lanes / 2; half >= W; half /= 2)
      for (int j = 0; j < W; ++j) {
        const T other = __shfl_down_sync(0xffffffffu, sum.at[j], static_cast<unsigned>(half / W), team);
        if (lane + j < half && lane + j + half < count) sum.at[j] = C::combine(sum.at[j], other);
      }
    for (int half = W / 2; half > 0; half /= 2)
      for (int j = 0; j < half; ++j)
        if (j + half < count) sum.at[j] = C::combine(sum.at[j], sum.at[j + half]);
    if (unit < units && member == 0) put<Out>(w, to, unit, output, sum.at[0]);
  }
}

/// The results of chunks as elements.
template <class T>
struct Table {
  const T* values;
  int64_t outputs, output;
  __device__ Wide<T> operator()(int64_t k) const { return Wide<T>(values[k * outputs + output]); }
};
struct TableArguments {
  Work work;
  Target target;
  const void* table;
};
template <class C, class T, class Out>
__device__ void reduce_table(const TableArguments& p) {
  reduce_teams<C, Wide<T>, Out, 32>(p.work, p.target, [&](int64_t output) {
    return Table<T>{static_cast<const T*>(p.table), p.work.outputs, output};
  });
}

}  // namespace scoregrad::on_cuda
