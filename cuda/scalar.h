// The scalar functions of the elementwise table in device code: the same text as on the CPU (autograd/backend/scalar_*.inc), over the
// primitives that autograd/backend/scalar.h lists. Read by nvcc for .cu files and by NVRTC for generated ones, with contraction off, so
// that a*b+c rounds twice and fma once. C++17.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#define SG_INLINE __device__ inline

namespace scoregrad::device {

template <class T>
constexpr bool is_single = sizeof(T) == 4;
template <class T>
constexpr double infinity = __builtin_bit_cast(double, 0x7ff0000000000000);  // NVRTC has no name for it
template <class T>
constexpr double not_a_number = __builtin_bit_cast(double, 0x7ff8000000000000);
template <class T>
constexpr bool has_scale = false;
template <class T>
using Bits = std::conditional_t<is_single<T>, uint32_t, uint64_t>;

SG_INLINE uint32_t bits(float x) { return __float_as_uint(x); }
SG_INLINE uint64_t bits(double x) { return static_cast<uint64_t>(__double_as_longlong(x)); }
template <class T>
SG_INLINE T from_bits(Bits<T> i) {
  if constexpr (is_single<T>)
    return __uint_as_float(i);
  else
    return __longlong_as_double(static_cast<long long>(i));
}
template <class T>
SG_INLINE T to_number(Bits<T> i) {
  return static_cast<T>(static_cast<std::conditional_t<is_single<T>, int32_t, int64_t>>(i));
}
template <int k, class B>
SG_INLINE B shift_left(B i) {
  return i << k;
}
template <int k, class B>
SG_INLINE B shift_right(B i) {
  return i >> k;
}
template <class T>
SG_INLINE bool nonzero(Bits<T> i) {
  return i != 0;
}

template <class T>
SG_INLINE T where(bool m, T a, T b) {
  return m ? a : b;
}
SG_INLINE bool any(bool m) { return m; }
template <class T>
SG_INLINE T at_most(T x, T bound) {
  return x > bound ? bound : x;
}
template <class T>
SG_INLINE T at_least(T x, T bound) {
  return x < bound ? bound : x;
}

// What the toolkit has as a function for each type: exact ones, and the rare ones that the CPU leaves to libm.
#define SG_MATH_1(name, single, full)                   \
  SG_INLINE float name(float x) { return ::single(x); } \
  SG_INLINE double name(double x) { return ::full(x); }
#define SG_MATH_2(name, single, full)                               \
  SG_INLINE float name(float a, float b) { return ::single(a, b); } \
  SG_INLINE double name(double a, double b) { return ::full(a, b); }
SG_MATH_1(abs, fabsf, fabs)
SG_MATH_1(sqrt, sqrtf, sqrt)
SG_MATH_1(floor, floorf, floor)
SG_MATH_1(round, rintf, rint)  // half to even
SG_MATH_2(copy_sign, copysignf, copysign)
SG_MATH_1(machine_sin, sinf, sin)
SG_MATH_1(machine_cos, cosf, cos)
SG_MATH_1(tan, tanf, tan)
SG_MATH_1(sinh, sinhf, sinh)
SG_MATH_1(cosh, coshf, cosh)
SG_MATH_1(asinh, asinhf, asinh)
SG_MATH_1(atan, atanf, atan)
SG_MATH_1(ceil, ceilf, ceil)
SG_MATH_1(lgamma, lgammaf, lgamma)
SG_MATH_2(atan2, atan2f, atan2)
SG_MATH_2(pow, powf, pow)
SG_MATH_2(remainder_of, fmodf, fmod)
#undef SG_MATH_1
#undef SG_MATH_2
SG_INLINE float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
SG_INLINE double fma(double a, double b, double c) { return ::fma(a, b, c); }

#include "autograd/backend/scalar_exp.inc"
#include "autograd/backend/scalar_trig.inc"

#include "autograd/backend/scalar_erf.inc"
#include "autograd/backend/scalar_gamma.inc"
#include "autograd/backend/scalar_int.inc"
#include "autograd/backend/scalar_mills.inc"
#include "autograd/backend/scalar_normal.inc"
#include "autograd/backend/scalar_plane.inc"

/// a - floor(a / b) b with the sign of b, exact.
template <class T>
SG_INLINE T mod(T a, T b) {
  const T r = remainder_of(a, b);
  if (r == T(0)) return copy_sign(r, b);
  return (r < T(0)) != (b < T(0)) ? r + b : r;
}

/// a^b log a, and 0 where a^b is.
template <class T>
SG_INLINE T powlog(T a, T b) {
  const T y = pow(a, b);
  return y == T(0) && !(a < T(0)) ? T(0) : y * log(a);
}

// The value column of the table: row_tanh(x) and so on.
#define SG_UNARY(name, value, ...) \
  template <class T>               \
  SG_INLINE T row_##name(T x) {    \
    return value;                  \
  }
#define SG_BINARY(name, value, ...)  \
  template <class T>                 \
  SG_INLINE T row_##name(T a, T b) { \
    return value;                    \
  }
#define SG_COMPARE(name, value, ...)    \
  template <class T>                    \
  SG_INLINE bool row_##name(T a, T b) { \
    return value;                       \
  }
#define SG_SELECT(name, value, ...)          \
  template <class T>                         \
  SG_INLINE T row_##name(bool m, T a, T b) { \
    return value;                            \
  }
#include "autograd/backend/elementwise.def"

}  // namespace scoregrad::device
