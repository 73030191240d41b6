// A vector register as a number: Lanes<float> and Lanes<double> have the operators and primitives that the text of the scalar functions
// asks for, so that a table row reads the same on lanes. Pack<S> moves them to and from memory. Included once per target, after
// cpu/targets.h; on targets without vectors, and without Highway, a lane is a plain number.
#include "autograd/backend/scalar.h"

#if defined(SCOREGRAD_LANES) == defined(HWY_TARGET_TOGGLE)
#ifdef SCOREGRAD_LANES
#undef SCOREGRAD_LANES
#else
#define SCOREGRAD_LANES
#endif

#undef SCOREGRAD_PLAIN_LANES
#undef SCOREGRAD_AVX512
#if !SCOREGRAD_HAVE_HIGHWAY
#define SCOREGRAD_PLAIN_LANES 1
#elif HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
#define SCOREGRAD_PLAIN_LANES 1
#else
#define SCOREGRAD_PLAIN_LANES 0
#define SCOREGRAD_AVX512 (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3)
#endif

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

/// One element at a time; the compiler may still find vectors.
template <class S>
struct PlainPack {
  using Value = S;
  static constexpr int64_t width = 1;
  static S load(const S* p) { return *p; }
  static void store(S x, S* p) { *p = x; }
  static bool load_mask(const uint8_t* p) { return *p != 0; }
  static void store_mask(bool m, uint8_t* p) { *p = m; }
};

#if SCOREGRAD_PLAIN_LANES

using namespace scalar;
template <class S>
using Pack = PlainPack<S>;

#else

#undef SG_INLINE
#define SG_INLINE HWY_INLINE
namespace hn = hwy::HWY_NAMESPACE;

template <class S>
struct Mask {
  hn::Mask<hn::ScalableTag<S> > m;
};

/// As many numbers as the target's registers hold.
template <class S>
struct Lanes {
  using Number = S;
  using D = hn::ScalableTag<S>;
  using V = hn::Vec<D>;
  V v;

  Lanes() = default;
  HWY_INLINE explicit Lanes(double c) : v(hn::Set(D(), static_cast<S>(c))) {}
  HWY_INLINE explicit Lanes(V x) : v(x) {}
  friend HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(hn::Add(a.v, b.v)); }
  friend HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(hn::Sub(a.v, b.v)); }
  friend HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(hn::Mul(a.v, b.v)); }
  friend HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(hn::Div(a.v, b.v)); }
  friend HWY_INLINE Lanes operator-(Lanes a) { return Lanes(hn::Neg(a.v)); }
  friend HWY_INLINE Mask<S> operator<(Lanes a, Lanes b) { return {hn::Lt(a.v, b.v)}; }
  friend HWY_INLINE Mask<S> operator<=(Lanes a, Lanes b) { return {hn::Le(a.v, b.v)}; }
  friend HWY_INLINE Mask<S> operator>(Lanes a, Lanes b) { return {hn::Gt(a.v, b.v)}; }
  friend HWY_INLINE Mask<S> operator>=(Lanes a, Lanes b) { return {hn::Ge(a.v, b.v)}; }
  friend HWY_INLINE Mask<S> operator==(Lanes a, Lanes b) { return {hn::Eq(a.v, b.v)}; }
  // Highway's Ne is false for NaN on some targets.
  friend HWY_INLINE Mask<S> operator!=(Lanes a, Lanes b) { return {hn::Not(hn::Eq(a.v, b.v))}; }
};

/// The unsigned integers of a register.
template <class S>
struct BitLanes {
  using D = hn::RebindToUnsigned<hn::ScalableTag<S> >;
  using V = hn::Vec<D>;
  V v;

  BitLanes() = default;
  HWY_INLINE explicit BitLanes(uint64_t c) : v(hn::Set(D(), static_cast<hn::TFromD<D> >(c))) {}
  HWY_INLINE explicit BitLanes(int c) : BitLanes(static_cast<uint64_t>(c)) {}
  HWY_INLINE explicit BitLanes(V x) : v(x) {}
  friend HWY_INLINE BitLanes operator+(BitLanes a, BitLanes b) { return BitLanes(hn::Add(a.v, b.v)); }
  friend HWY_INLINE BitLanes operator-(BitLanes a, BitLanes b) { return BitLanes(hn::Sub(a.v, b.v)); }
  friend HWY_INLINE BitLanes operator&(BitLanes a, BitLanes b) { return BitLanes(hn::And(a.v, b.v)); }
  friend HWY_INLINE BitLanes operator|(BitLanes a, BitLanes b) { return BitLanes(hn::Or(a.v, b.v)); }
  friend HWY_INLINE BitLanes operator^(BitLanes a, BitLanes b) { return BitLanes(hn::Xor(a.v, b.v)); }
};

template <class T>
using Bits = BitLanes<typename T::Number>;
template <class T>
constexpr bool is_single = sizeof(typename T::Number) == 4;
template <class T>
constexpr double infinity = scalar::infinity<double>;
template <class T>
constexpr double not_a_number = scalar::not_a_number<double>;

template <class S>
HWY_INLINE BitLanes<S> bits(Lanes<S> x) {
  return BitLanes<S>(hn::BitCast(typename BitLanes<S>::D(), x.v));
}
template <class T>
HWY_INLINE T from_bits(Bits<T> i) {
  return T(hn::BitCast(typename T::D(), i.v));
}
template <int k, class S>
HWY_INLINE BitLanes<S> shift_left(BitLanes<S> i) {
  return BitLanes<S>(hn::ShiftLeft<k>(i.v));
}
template <int k, class S>
HWY_INLINE BitLanes<S> shift_right(BitLanes<S> i) {
  return BitLanes<S>(hn::ShiftRight<k>(i.v));
}
template <class T>
HWY_INLINE Mask<typename T::Number> nonzero(Bits<T> i) {
  return {hn::RebindMask(typename T::D(), hn::Not(hn::Eq(i.v, hn::Zero(typename Bits<T>::D()))))};
}
template <class S>
HWY_INLINE Lanes<S> where(Mask<S> m, Lanes<S> a, Lanes<S> b) {
  return Lanes<S>(hn::IfThenElse(m.m, a.v, b.v));
}
template <class S>
HWY_INLINE bool any(Mask<S> m) {
  return !hn::AllFalse(hn::ScalableTag<S>(), m.m);
}

template <class S>
HWY_INLINE Lanes<S> fma(Lanes<S> a, Lanes<S> b, Lanes<S> c) {
  return Lanes<S>(hn::MulAdd(a.v, b.v, c.v));
}
template <class S>
HWY_INLINE Lanes<S> abs(Lanes<S> x) {
  return Lanes<S>(hn::Abs(x.v));
}
template <class S>
HWY_INLINE Lanes<S> sqrt(Lanes<S> x) {
  return Lanes<S>(hn::Sqrt(x.v));
}
template <class S>
HWY_INLINE Lanes<S> floor(Lanes<S> x) {
  return Lanes<S>(hn::Floor(x.v));
}
/// Half to even.
template <class S>
HWY_INLINE Lanes<S> round(Lanes<S> x) {
  return Lanes<S>(hn::Round(x.v));
}
template <class S>
HWY_INLINE Lanes<S> copy_sign(Lanes<S> x, Lanes<S> sign) {
  return Lanes<S>(hn::CopySign(x.v, sign.v));
}
#if HWY_ARCH_X86
// minps and maxps return their second operand where one is NaN.
template <class S>
HWY_INLINE Lanes<S> at_most(Lanes<S> x, Lanes<S> bound) {
  return Lanes<S>(hn::Min(bound.v, x.v));
}
template <class S>
HWY_INLINE Lanes<S> at_least(Lanes<S> x, Lanes<S> bound) {
  return Lanes<S>(hn::Max(bound.v, x.v));
}
#else
template <class S>
HWY_INLINE Lanes<S> at_most(Lanes<S> x, Lanes<S> bound) {
  return where(x > bound, bound, x);
}
template <class S>
HWY_INLINE Lanes<S> at_least(Lanes<S> x, Lanes<S> bound) {
  return where(x < bound, bound, x);
}
#endif

template <class T>
constexpr bool has_scale = SCOREGRAD_AVX512;
#if SCOREGRAD_AVX512
HWY_INLINE Lanes<float> scale_exponent(Lanes<float> x, Lanes<float> n) {
  return Lanes<float>(Lanes<float>::V{_mm512_scalef_ps(x.v.raw, n.v.raw)});
}
HWY_INLINE Lanes<double> scale_exponent(Lanes<double> x, Lanes<double> n) {
  return Lanes<double>(Lanes<double>::V{_mm512_scalef_pd(x.v.raw, n.v.raw)});
}
#endif

// The rare functions, one lane after the other.
#define SG_BY_LANE(name, host)                                                      \
  template <class S>                                                                \
  HWY_NOINLINE void name##_lanes(S* x) {                                            \
    for (size_t i = 0; i < hn::Lanes(hn::ScalableTag<S>()); ++i) x[i] = host(x[i]); \
  }                                                                                 \
  template <class S>                                                                \
  HWY_INLINE Lanes<S> name(Lanes<S> x) {                                            \
    alignas(64) S each[64 / sizeof(S)];                                             \
    hn::Store(x.v, hn::ScalableTag<S>(), each);                                     \
    name##_lanes(each);                                                             \
    return Lanes<S>(hn::Load(hn::ScalableTag<S>(), each));                          \
  }
#define SG_BY_LANE_PAIR(name, host)                                                       \
  template <class S>                                                                      \
  HWY_NOINLINE void name##_lanes(S* x, const S* y) {                                      \
    for (size_t i = 0; i < hn::Lanes(hn::ScalableTag<S>()); ++i) x[i] = host(x[i], y[i]); \
  }                                                                                       \
  template <class S>                                                                      \
  HWY_INLINE Lanes<S> name(Lanes<S> a, Lanes<S> b) {                                      \
    alignas(64) S x[64 / sizeof(S)], y[64 / sizeof(S)];                                   \
    hn::Store(a.v, hn::ScalableTag<S>(), x);                                              \
    hn::Store(b.v, hn::ScalableTag<S>(), y);                                              \
    name##_lanes(x, y);                                                                   \
    return Lanes<S>(hn::Load(hn::ScalableTag<S>(), x));                                   \
  }
SG_BY_LANE(tan, std::tan)
SG_BY_LANE(sinh, std::sinh)
SG_BY_LANE(cosh, std::cosh)
SG_BY_LANE(asinh, std::asinh)
SG_BY_LANE(atan, std::atan)
SG_BY_LANE(machine_sin, std::sin)
SG_BY_LANE(machine_cos, std::cos)
SG_BY_LANE_PAIR(pow, std::pow)
SG_BY_LANE_PAIR(atan2, std::atan2)
SG_BY_LANE_PAIR(mod, scalar::mod)
#undef SG_BY_LANE
#undef SG_BY_LANE_PAIR

#include "autograd/backend/scalar_exp.inc"
#include "autograd/backend/scalar_trig.inc"

#include "autograd/backend/scalar_erf.inc"

/// Between registers and memory of any alignment; masks lie there as bytes.
template <class S>
struct VectorPack {
  using Value = Lanes<S>;
  using D = hn::ScalableTag<S>;
  static constexpr int64_t width = HWY_LANES(S);

  static HWY_INLINE Value load(const S* p) { return Value(hn::LoadU(D(), p)); }
  static HWY_INLINE void store(Value x, S* p) { hn::StoreU(x.v, D(), p); }
#if SCOREGRAD_AVX512 || HWY_TARGET == HWY_AVX2
  static HWY_INLINE Value load_some(const S* p, int64_t n) {
    return Value(hn::MaskedLoad(hn::FirstN(D(), static_cast<size_t>(n)), D(), p));
  }
  static HWY_INLINE void store_some(Value x, S* p, int64_t n) { hn::BlendedStore(x.v, hn::FirstN(D(), static_cast<size_t>(n)), D(), p); }
#else
  static HWY_INLINE Value load_some(const S* p, int64_t n) {
    S part[width] = {};
    for (int64_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static HWY_INLINE void store_some(Value x, S* p, int64_t n) {
    S part[width];
    store(x, part);
    for (int64_t i = 0; i < n; ++i) p[i] = part[i];
  }
#endif

#if SCOREGRAD_AVX512
  static HWY_INLINE Mask<S> load_mask(const uint8_t* p) {
    __m128i b;
    if constexpr (width == 16)
      b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    else
      b = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {{static_cast<typename hn::Mask<D>::Raw>(_mm_test_epi8_mask(b, b))}};
  }
  static HWY_INLINE void store_mask(Mask<S> m, uint8_t* p) {
    const __m128i b = _mm_maskz_set1_epi8(m.m.raw, 1);
    if constexpr (width == 16)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), b);
    else
      _mm_storel_epi64(reinterpret_cast<__m128i*>(p), b);
  }
#else
  static HWY_INLINE Mask<S> load_mask(const uint8_t* p) {
    const hn::Rebind<uint8_t, D> d8;
    const hn::Rebind<uint32_t, D> d32;
    const auto wide = hn::PromoteTo(d32, hn::LoadU(d8, p));
    if constexpr (sizeof(S) == 4)
      return {hn::RebindMask(D(), hn::Not(hn::Eq(wide, hn::Zero(d32))))};
    else
      return {hn::RebindMask(D(), hn::Not(hn::Eq(hn::PromoteTo(hn::RebindToUnsigned<D>(), wide), hn::Zero(hn::RebindToUnsigned<D>()))))};
  }
  static HWY_INLINE void store_mask(Mask<S> m, uint8_t* p) {
    uint8_t packed[8];
    hn::StoreMaskBits(D(), m.m, packed);
    // Bit i to the lowest bit of byte i.
    uint64_t spread = (packed[0] * UINT64_C(0x0101010101010101)) & UINT64_C(0x8040201008040201);
    spread = ((spread + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & UINT64_C(0x0101010101010101);
    std::memcpy(p, &spread, static_cast<size_t>(width));
  }
#endif
};
template <class S>
using Pack = VectorPack<S>;

#endif  // SCOREGRAD_PLAIN_LANES

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
