// See reduce_lanes.h. The loops are plain ones over fixed numbers of lanes, which compilers turn into vector code; Highway only compiles
// this file once for each instruction set and picks one at run time.
#include "cpu/reduce_lanes.h"

#include "autograd/backend/reduction_tree.h"
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_HIGHWAY
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_lanes.cpp"
// The instruction sets between these differ in nothing that the loops below use.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>
HWY_BEFORE_NAMESPACE();
#define SG_TARGET HWY_NAMESPACE
#else
#define SG_TARGET plain
#endif

namespace scoregrad::on_cpu::SG_TARGET {

template <int half, class C, class T>
void halve(T* lane) {
  for (int l = 0; l < half; ++l) lane[l] = C::combine(lane[l], lane[l + half]);
  if constexpr (half > 1) halve<half / 2, C>(lane);
}

/// half < n <= 2 half elements, half < 64.
template <int half, class C, class T>
T reduce_few(const T* x, int64_t n) {
  T lane[tree_lanes];
  for (int64_t l = 0; l < n - half; ++l) lane[l] = C::combine(x[l], x[l + half]);
  for (int64_t l = n - half; l < half; ++l) lane[l] = x[l];
  if constexpr (half > 1) halve<half / 2, C>(lane);
  return lane[0];
}

template <class C, class T>
T reduce_run(const T* x, int64_t n) {
  if (n < tree_lanes) {
    if (n > 32) return reduce_few<32, C>(x, n);
    if (n > 16) return reduce_few<16, C>(x, n);
    if (n > 8) return reduce_few<8, C>(x, n);
    if (n > 4) return reduce_few<4, C>(x, n);
    if (n > 2) return reduce_few<2, C>(x, n);
    return n == 2 ? C::combine(x[0], x[1]) : x[0];
  }
  T lane[tree_lanes];
  for (int l = 0; l < tree_lanes; ++l) lane[l] = x[l];
  int64_t k = tree_lanes;
  for (; k + tree_lanes <= n; k += tree_lanes)
    for (int l = 0; l < tree_lanes; ++l) lane[l] = C::combine(lane[l], x[k + l]);
  for (int l = 0; l < n - k; ++l) lane[l] = C::combine(lane[l], x[k + l]);
  halve<tree_lanes / 2, C>(lane);
  return lane[0];
}

/// Rows of 2, 3 or 4 elements that touch: a loop that shuffles can serve.
template <int n, class C, class T>
void reduce_tiny(const T* x, int64_t count, T* out) {
  for (int64_t i = 0; i < count; ++i, x += n) {
    if constexpr (n == 2) out[i] = C::combine(x[0], x[1]);
    if constexpr (n == 3) out[i] = C::combine(C::combine(x[0], x[2]), x[1]);
    if constexpr (n == 4) out[i] = C::combine(C::combine(x[0], x[2]), C::combine(x[1], x[3]));
  }
}

/// Rows of at most 32 elements, sixteen at a time and turned so that their elements of one place lie side by side.
template <class C, class T>
void reduce_turned(const T* x, int64_t n, int64_t within, int64_t step, int64_t count, T* out, int64_t out_step) {
  constexpr int width = 16;
  T turned[tree_lanes / 2][width] = {};
  for (int64_t i0 = 0; i0 < count; i0 += width, x += width * step) {
    const int64_t w = count - i0 < width ? count - i0 : width;
    if (w == width) {
      for (int64_t k = 0; k < n; ++k)
        for (int i = 0; i < width; ++i) turned[k][i] = x[i * step + k * within];
    } else {
      for (int64_t k = 0; k < n; ++k)
        for (int64_t i = 0; i < w; ++i) turned[k][i] = x[i * step + k * within];
    }
    int64_t used = n;
    for (int64_t half = tree_lanes / 4; half > 0; half /= 2) {
      for (int64_t k = 0; k + half < used; ++k)
        for (int i = 0; i < width; ++i) turned[k][i] = C::combine(turned[k][i], turned[k + half][i]);
      if (used > half) used = half;
    }
    for (int64_t i = 0; i < w; ++i) out[(i0 + i) * out_step] = turned[0][i];
  }
}

template <class C, class T>
void reduce_rows(const T* x, int64_t n, int64_t within, int64_t step, int64_t count, T* out, int64_t out_step) {
  if (within == 1 && step == n && out_step == 1) {
    if (n == 2) return reduce_tiny<2, C>(x, count, out);
    if (n == 3) return reduce_tiny<3, C>(x, count, out);
    if (n == 4) return reduce_tiny<4, C>(x, count, out);
  }
  if (within != 1) return reduce_turned<C>(x, n, within, step, count, out, out_step);
  if (n <= tree_lanes / 2 && count >= 4) return reduce_turned<C>(x, n, 1, step, count, out, out_step);
  for (int64_t i = 0; i < count; ++i) out[i * out_step] = reduce_run<C>(x + i * step, n);
}

template <class C, class T>
void add_row(T* lane, const T* x, int64_t n) {
  for (int64_t j = 0; j < n; ++j) lane[j] = C::combine(lane[j], x[j]);
}

template <class C, class T>
void reduce_columns(const T* x, int64_t n, int64_t step, const int64_t* offsets, int64_t width, T* lanes, T* out) {
  int64_t used = n < tree_lanes ? n : tree_lanes;
  if (!offsets && step == width && n > 1 && n <= tree_lanes) {
    // The rows touch and are few: lanes are halved on the way in.
    int64_t half = 1;
    while (2 * half < n) half *= 2;
    const int64_t both = (n - half) * width;
    for (int64_t j = 0; j < both; ++j) lanes[j] = C::combine(x[j], x[j + half * width]);
    for (int64_t j = both; j < half * width; ++j) lanes[j] = x[j];
    used = half;
  } else if (!offsets && step == width) {
    // The rows touch, so 64 of them are one run.
    for (int64_t j = 0; j < used * width; ++j) lanes[j] = x[j];
    for (int64_t k = tree_lanes; k < n; k += tree_lanes)
      add_row<C>(lanes, x + k * width, (n - k < tree_lanes ? n - k : tree_lanes) * width);
  } else {
    for (int64_t k = 0; k < n; ++k) {
      const T* row = x + (offsets ? offsets[k] : k * step);
      T* lane = lanes + k % tree_lanes * width;
      if (k < tree_lanes) {
        for (int64_t j = 0; j < width; ++j) lane[j] = row[j];
      } else {
        add_row<C>(lane, row, width);
      }
    }
  }
  for (int64_t half = tree_lanes / 2; half > 0; half /= 2) {
    if (used <= half) continue;
    add_row<C>(lanes, lanes + half * width, (used - half) * width);
    used = half;
  }
  for (int64_t j = 0; j < width; ++j) out[j] = lanes[j];
}

template <class C, class T>
ReduceLanes<T> kernels() {
  return {reduce_run<C, T>, reduce_rows<C, T>, reduce_columns<C, T>};
}

template <class T>
ReduceLanes<T> lanes_of(Reduction kind) {
  switch (kind) {
    case Reduction::sum:
      return kernels<Sum, T>();
    case Reduction::prod:
      return kernels<Prod, T>();
    case Reduction::max:
      return kernels<Max, T>();
    default:
      return kernels<Min, T>();
  }
}

ReduceLanes<float> float_lanes(Reduction kind) { return lanes_of<float>(kind); }
ReduceLanes<double> double_lanes(Reduction kind) { return lanes_of<double>(kind); }

}  // namespace scoregrad::on_cpu::SG_TARGET

#if SCOREGRAD_HAVE_HIGHWAY
HWY_AFTER_NAMESPACE();
#endif

#if !SCOREGRAD_HAVE_HIGHWAY || HWY_ONCE
namespace scoregrad::on_cpu {

#if SCOREGRAD_HAVE_HIGHWAY
HWY_EXPORT(float_lanes);
HWY_EXPORT(double_lanes);
#define SG_CHOOSE(f) HWY_DYNAMIC_DISPATCH(f)
#define SG_BASELINE HWY_STATIC_DISPATCH(lanes_of)
#else
#define SG_CHOOSE(f) plain::f
#define SG_BASELINE plain::lanes_of
#endif

template <>
ReduceLanes<float> reduce_lanes<float>(Reduction kind) {
  return SG_CHOOSE(float_lanes)(kind);
}
template <>
ReduceLanes<double> reduce_lanes<double>(Reduction kind) {
  return SG_CHOOSE(double_lanes)(kind);
}
// Integers and bools are too rare to be compiled for every processor.
template <>
ReduceLanes<int64_t> reduce_lanes<int64_t>(Reduction kind) {
  return SG_BASELINE<int64_t>(kind);
}
template <>
ReduceLanes<uint8_t> reduce_lanes<uint8_t>(Reduction kind) {
  return SG_BASELINE<uint8_t>(kind);
}

}  // namespace scoregrad::on_cpu
#endif
