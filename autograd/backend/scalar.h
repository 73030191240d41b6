// The scalar functions of the elementwise table, on host numbers.
//
// The hot ones (scalar_*.inc) are one text for float and double here, for SIMD lanes and for CUDA. At zeros, infinities, NaN, denormals and
// huge arguments they give what libm gives; elsewhere they are within 2 units in the last place (erf, erfc and erfinv 4). The text needs:
//   is_single<T>, infinity<T>, not_a_number<T>, Bits<T> (an unsigned integer of T's width: + - & ^), bits, from_bits<T>, shift_left<k>,
//   shift_right<k>, nonzero<T>, to_number<T>, fma (fused where the hardware has it), abs, sqrt, where, any, copy_sign, at_most and at_least
//   (which keep NaN), machine_sin, machine_cos, and where has_scale<T> is true scale_exponent.
// Whoever defines SG_FUSED before including this file gets functions of his own, whose fma is fused on every machine, however slowly.
// C++17, no exceptions.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#define SG_INLINE inline

namespace scoregrad::scalars {
#ifdef SG_FUSED
inline namespace fused {
#endif

template <class T>
constexpr bool is_single = sizeof(T) == 4;
template <class T>
constexpr double infinity = std::numeric_limits<double>::infinity();
template <class T>
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
template <class T>
constexpr bool has_scale = false;

template <class T>
using Bits = std::conditional_t<is_single<T>, uint32_t, uint64_t>;
inline uint32_t bits(float x) {
  uint32_t i;
  std::memcpy(&i, &x, sizeof i);
  return i;
}
inline uint64_t bits(double x) {
  uint64_t i;
  std::memcpy(&i, &x, sizeof i);
  return i;
}
template <class T>
T from_bits(Bits<T> i) {
  T x;
  std::memcpy(&x, &i, sizeof x);
  return x;
}
/// A number from an integer below 2^31 (float, rounded) or 2^53 (double, exact).
template <class T>
T to_number(Bits<T> i) {
  return static_cast<T>(static_cast<std::make_signed_t<Bits<T>>>(i));
}
template <int k, class B>
B shift_left(B i) {
  return i << k;
}
template <int k, class B>
B shift_right(B i) {
  return i >> k;
}
template <class T>
bool nonzero(Bits<T> i) {
  return i != 0;
}

// Without the instruction std::fma is a slow call.
#if defined(SG_FUSED) || defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__aarch64__)
inline float fma(float a, float b, float c) { return std::fma(a, b, c); }
inline double fma(double a, double b, double c) { return std::fma(a, b, c); }
#else
inline float fma(float a, float b, float c) { return a * b + c; }
inline double fma(double a, double b, double c) { return a * b + c; }
#endif

template <class T>
T where(bool m, T a, T b) {
  return m ? a : b;
}
inline bool any(bool m) { return m; }
template <class T>
T copy_sign(T x, T sign) {
  return std::copysign(x, sign);
}
template <class T>
T at_most(T x, T bound) {
  return x > bound ? bound : x;
}
template <class T>
T at_least(T x, T bound) {
  return x < bound ? bound : x;
}
template <class T>
T machine_sin(T x) {
  return std::sin(x);
}
template <class T>
T machine_cos(T x) {
  return std::cos(x);
}

using std::abs;
using std::floor;
using std::sqrt;
/// Half to even.
template <class T>
T round(T x) {
  return std::nearbyint(x);
}

#include "autograd/backend/scalar_exp.inc"
#include "autograd/backend/scalar_trig.inc"

#include "autograd/backend/scalar_erf.inc"
#include "autograd/backend/scalar_normal.inc"
#include "autograd/backend/scalar_plane.inc"

// The rare ones are libm's.
using std::asinh;
using std::atan;
using std::atan2;
using std::cosh;
using std::pow;
using std::sinh;
using std::tan;
/// log |Gamma(x)|; std::lgamma would write the sign of Gamma into a variable that all threads share.
inline double lgamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}
inline float lgamma(float x) {
  int sign;
  return ::lgammaf_r(x, &sign);
}
using std::ceil;
#include "autograd/backend/scalar_gamma.inc"
#include "autograd/backend/scalar_mills.inc"
/// a^b log a, and 0 where a^b is.
template <class T>
T powlog(T a, T b) {
  const T y = pow(a, b);
  return y == T(0) && !(a < T(0)) ? T(0) : y * log(a);
}
/// a - floor(a / b) b with the sign of b, exact (Python's and NumPy's).
template <class T>
T mod(T a, T b) {
  const T r = std::fmod(a, b);
  if (r == T(0)) return std::copysign(r, b);
  return (r < T(0)) != (b < T(0)) ? r + b : r;
}

#ifdef SG_FUSED
}  // namespace fused
#endif
}  // namespace scoregrad::scalars
