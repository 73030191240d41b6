// See reduce_lanes.h. The lanes of a run are kept in registers; rows that are shorter than one are combined side by side. Integers and
// bools, and machines without vectors, take the plain loops.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_lanes.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include "autograd/backend/reduction_tree.h"
#include "cpu/lanes.inc"
#include "cpu/reduce_lanes.h"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

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
T plain_run(const T* x, int64_t n) {
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

#if !SCOREGRAD_PLAIN_LANES

template <class C, class V>
HWY_INLINE V combine(V a, V b) {
  if constexpr (std::is_same_v<C, Sum>) {
    return hn::Add(a, b);
  } else if constexpr (std::is_same_v<C, Prod>) {
    return hn::Mul(a, b);
  } else {
#if HWY_ARCH_X86
    // maxps and minps return their second operand where the first is not larger (smaller).
    if constexpr (std::is_same_v<C, Max>) return hn::IfThenElse(hn::Eq(a, a), hn::Max(a, b), a);
    if constexpr (std::is_same_v<C, Min>) return hn::IfThenElse(hn::Eq(a, a), hn::Min(a, b), a);
#else
    if constexpr (std::is_same_v<C, Max>) return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::Not(hn::Eq(a, a))), a, b);
    if constexpr (std::is_same_v<C, Min>) return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::Not(hn::Eq(a, a))), a, b);
#endif
  }
}

/// The n lanes of one register by halving.
template <class C, int n, class V>
HWY_INLINE auto halved(V v) {
  if constexpr (n * sizeof(hn::TFromV<V>) > 16) {
    const hn::Half<hn::DFromV<V>> half;
    return halved<C, n / 2>(combine<C>(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else if constexpr (n == 4) {
    v = combine<C>(v, hn::Shuffle1032(v));
    return hn::GetLane(combine<C>(v, hn::Shuffle2301(v)));
  } else {
    return hn::GetLane(combine<C>(v, hn::Shuffle01(v)));
  }
}

/// The 64 lanes of a run, or fewer.
template <class T, int n = static_cast<int>(tree_lanes) / HWY_LANES(T)>
struct Registers {
  using D = hn::ScalableTag<T>;
  static constexpr int width = HWY_LANES(T), count = n;
  hn::Vec<D> at[count];

  template <class C>
  HWY_INLINE T tree() {
    for (int half = count / 2; half > 0; half /= 2)
      for (int j = 0; j < half; ++j) at[j] = combine<C>(at[j], at[j + half]);
    return halved<C, width>(at[0]);
  }
};

/// At least 64 elements.
template <class C, class T>
T long_run(const T* x, int64_t n) {
  using R = Registers<T>;
  const typename R::D d;
  R lanes;
  for (int j = 0; j < R::count; ++j) lanes.at[j] = hn::LoadU(d, x + j * R::width);
  int64_t k = tree_lanes;
  for (; k + tree_lanes <= n; k += tree_lanes)
    for (int j = 0; j < R::count; ++j) lanes.at[j] = combine<C>(lanes.at[j], hn::LoadU(d, x + k + j * R::width));
  for (int j = 0; j < R::count; ++j) {
    const int64_t left = n - k - j * R::width;
    if (left >= R::width) {
      lanes.at[j] = combine<C>(lanes.at[j], hn::LoadU(d, x + k + j * R::width));
    } else if (left > 0) {
      const auto both = combine<C>(lanes.at[j], Pack<T>::load_some(x + k + j * R::width, left).v);
      lanes.at[j] = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(left)), both, lanes.at[j]);
    }
  }
  return lanes.template tree<C>();
}

#endif

template <class C, class T>
T reduce_run(const T* x, int64_t n) {
#if !SCOREGRAD_PLAIN_LANES
  if constexpr (std::is_floating_point_v<T>)
    if (n >= tree_lanes) return long_run<C>(x, n);
#endif
  return plain_run<C>(x, n);
}

#if !SCOREGRAD_PLAIN_LANES && (SCOREGRAD_AVX512 || HWY_TARGET == HWY_AVX2)

/// Rows of n <= 64 elements, more than half a register of them. A lane beyond n does not take part.
template <class C, int registers, class T>
void register_rows(const T* x, int64_t n, int64_t step, int64_t count, T* out, int64_t out_step) {
  using R = Registers<T, registers>;
  const typename R::D d;
  const hn::Half<typename R::D> half_register;
  constexpr int width = R::width;
  hn::Mask<typename R::D> has[R::count];
  for (int j = 0; j < R::count; ++j) {
    const int64_t left = n - j * width;
    has[j] = hn::FirstN(d, static_cast<size_t>(left < 0 ? 0 : left < width ? left : width));
  }
  const auto has_upper = hn::FirstN(half_register, static_cast<size_t>(n < width ? n - width / 2 : width / 2));
  for (int64_t i = 0; i < count; ++i, x += step, out += out_step) {
    R row;
    for (int j = 0; j < R::count; ++j) row.at[j] = hn::MaskedLoad(has[j], d, x + j * width);
    for (int half = R::count / 2; half > 0; half /= 2)
      for (int j = 0; j < half; ++j) row.at[j] = hn::IfThenElse(has[j + half], combine<C>(row.at[j], row.at[j + half]), row.at[j]);
    const auto lower = hn::LowerHalf(half_register, row.at[0]), upper = hn::UpperHalf(half_register, row.at[0]);
    *out = halved<C, width / 2>(hn::IfThenElse(has_upper, combine<C>(lower, upper), lower));
  }
}

#endif

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
#if !SCOREGRAD_PLAIN_LANES && (SCOREGRAD_AVX512 || HWY_TARGET == HWY_AVX2)
  if constexpr (std::is_floating_point_v<T>)
    if (constexpr int width = Registers<T>::width; within == 1 && n > width / 2)
      return (n <= width       ? register_rows<C, 1, T>
              : n <= 2 * width ? register_rows<C, 2, T>
              : n <= 4 * width ? register_rows<C, 4, T>
                               : register_rows<C, Registers<T>::count, T>)(x, n, step, count, out, out_step);
#endif
  if (within != 1) return reduce_turned<C>(x, n, within, step, count, out, out_step);
  if (n <= tree_lanes / 2 && count >= 4) return reduce_turned<C>(x, n, 1, step, count, out, out_step);
  for (int64_t i = 0; i < count; ++i) out[i * out_step] = reduce_run<C>(x + i * step, n);
}

/// Lane l of n once lanes `half` and more apart are combined; element(k) is what lane k begins with.
template <class C, int n, int l, int half, class E>
SG_INLINE auto lane_of(const E& element) {
  if constexpr (half >= n) {
    return element(l);
  } else {
    const auto a = lane_of<C, n, l, 2 * half>(element);
    if constexpr (l + half < n) {
#if !SCOREGRAD_PLAIN_LANES
      if constexpr (!std::is_arithmetic_v<std::decay_t<decltype(a)>>)
        return combine<C>(a, lane_of<C, n, l + half, 2 * half>(element));
      else
#endif
        return C::combine(a, lane_of<C, n, l + half, 2 * half>(element));
    } else {
      return a;
    }
  }
}

/// Blocks [n, within] that touch. Every flat position is combined with those behind it, and only the first `within` of a block are kept.
template <class C, int n, class T>
void reduce_touching(const T* x, int64_t within, int64_t count, T* out) {
  const int64_t period = n * within;
  int64_t at = 0, block = 0;  // the first position that is not done lies at `at` of block `block`
#if !SCOREGRAD_PLAIN_LANES
  if constexpr (std::is_floating_point_v<T>) {
    const hn::ScalableTag<T> d;
    constexpr int64_t width = HWY_LANES(T);
    T kept[8 * 64 + width];
    for (int64_t i = 0; i < period + width; ++i) kept[i] = i % period < within ? T(1) : T(0);
    const int64_t reach = width + period - within, end = count * period, turn = width % period;
    T* const out_end = out + count * within;
    int64_t i = 0;
    for (; i + reach <= end; i += width) {
      const auto keep = hn::Gt(hn::LoadU(d, kept + at), hn::Zero(d));
      const int64_t some = static_cast<int64_t>(hn::CountTrue(d, keep));
      if (some > 0) {
        const auto v = hn::Compress(lane_of<C, n, 0, 1>([&](int64_t k) HWY_ATTR { return hn::LoadU(d, x + i + k * within); }), keep);
        if (out_end - out >= width)
          hn::StoreU(v, d, out);
        else
          Pack<T>::store_some(typename Pack<T>::Value(v), out, some);
        out += some;
      }
      at += turn;
      if (at >= period) at -= period;
    }
    block = i / period;
  }
#endif
  for (; block < count; ++block, at = 0)
    for (; at < within; ++at) *out++ = lane_of<C, n, 0, 1>([&](int64_t k) { return x[block * period + at + k * within]; });
}

template <class C, class T>
void reduce_blocks(const T* x, int64_t n, int64_t within, int64_t count, T* out) {
  switch (n) {
    case 2:
      return within == 1 ? reduce_tiny<2, C>(x, count, out) : reduce_touching<C, 2>(x, within, count, out);
    case 3:
      return within == 1 ? reduce_tiny<3, C>(x, count, out) : reduce_touching<C, 3>(x, within, count, out);
    case 4:
      return within == 1 ? reduce_tiny<4, C>(x, count, out) : reduce_touching<C, 4>(x, within, count, out);
    case 5:
      return reduce_touching<C, 5>(x, within, count, out);
    case 6:
      return reduce_touching<C, 6>(x, within, count, out);
    case 7:
      return reduce_touching<C, 7>(x, within, count, out);
    default:
      return reduce_touching<C, 8>(x, within, count, out);
  }
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
  return {reduce_run<C, T>, reduce_rows<C, T>, reduce_blocks<C, T>, reduce_columns<C, T>, add_row<C, T>};
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

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {

HWY_EXPORT(float_lanes);
HWY_EXPORT(double_lanes);
#if SCOREGRAD_HAVE_HIGHWAY
#define SG_BASELINE HWY_STATIC_DISPATCH(lanes_of)
#else
#define SG_BASELINE N_PLAIN::lanes_of
#endif

template <>
ReduceLanes<float> reduce_lanes<float>(Reduction kind) {
  return HWY_DYNAMIC_DISPATCH(float_lanes)(kind);
}
template <>
ReduceLanes<double> reduce_lanes<double>(Reduction kind) {
  return HWY_DYNAMIC_DISPATCH(double_lanes)(kind);
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
