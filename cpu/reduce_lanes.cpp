// See reduce_lanes.h. The loops are plain ones over fixed numbers of lanes, which compilers turn into vector code; Highway only compiles
// this file once for each instruction set and picks one at run time.
#include "cpu/reduce_lanes.h"

#include "autograd/backend/reduction_tree.h"
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_HIGHWAY
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_lanes.cpp"
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

template <class C, class T>
T reduce_run(const T* x, int64_t n) {
  T lane[tree_lanes];
  if (n >= tree_lanes) {
    for (int l = 0; l < tree_lanes; ++l) lane[l] = x[l];
    int64_t k = tree_lanes;
    for (; k + tree_lanes <= n; k += tree_lanes)
      for (int l = 0; l < tree_lanes; ++l) lane[l] = C::combine(lane[l], x[k + l]);
    for (int l = 0; l < n - k; ++l) lane[l] = C::combine(lane[l], x[k + l]);
    halve<tree_lanes / 2, C>(lane);
    return lane[0];
  }
  int64_t half = 1;
  while (2 * half < n) half *= 2;
  for (int64_t l = 0; l < half && l < n; ++l) lane[l] = l + half < n ? C::combine(x[l], x[l + half]) : x[l];
  for (half /= 2; half > 0; half /= 2)
    for (int64_t l = 0; l < half; ++l) lane[l] = C::combine(lane[l], lane[l + half]);
  return lane[0];
}

template <class C, class T>
void reduce_rows(const T* x, int64_t n, int64_t step, int64_t count, T* out, int64_t out_step) {
  for (int64_t i = 0; i < count; ++i) out[i * out_step] = reduce_run<C>(x + i * step, n);
}

template <class C, class T>
void add_row(T* lane, const T* x, int64_t n) {
  for (int64_t j = 0; j < n; ++j) lane[j] = C::combine(lane[j], x[j]);
}

template <class C, class T>
void reduce_columns(const T* x, int64_t n, int64_t step, const int64_t* offsets, int64_t width, T* lanes, T* out) {
  int64_t used = n < tree_lanes ? n : tree_lanes;
  if (!offsets && step == width) {
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
ReduceLanes<int64_t> int_lanes(Reduction kind) { return lanes_of<int64_t>(kind); }
ReduceLanes<uint8_t> bool_lanes(Reduction kind) { return lanes_of<uint8_t>(kind); }

}  // namespace scoregrad::on_cpu::SG_TARGET

#if SCOREGRAD_HAVE_HIGHWAY
HWY_AFTER_NAMESPACE();
#endif

#if !SCOREGRAD_HAVE_HIGHWAY || HWY_ONCE
namespace scoregrad::on_cpu {

#if SCOREGRAD_HAVE_HIGHWAY
HWY_EXPORT(float_lanes);
HWY_EXPORT(double_lanes);
HWY_EXPORT(int_lanes);
HWY_EXPORT(bool_lanes);
#define SG_CHOOSE(f) HWY_DYNAMIC_DISPATCH(f)
#else
#define SG_CHOOSE(f) plain::f
#endif

template <>
ReduceLanes<float> reduce_lanes<float>(Reduction kind) {
  return SG_CHOOSE(float_lanes)(kind);
}
template <>
ReduceLanes<double> reduce_lanes<double>(Reduction kind) {
  return SG_CHOOSE(double_lanes)(kind);
}
template <>
ReduceLanes<int64_t> reduce_lanes<int64_t>(Reduction kind) {
  return SG_CHOOSE(int_lanes)(kind);
}
template <>
ReduceLanes<uint8_t> reduce_lanes<uint8_t>(Reduction kind) {
  return SG_CHOOSE(bool_lanes)(kind);
}

}  // namespace scoregrad::on_cpu
#endif
