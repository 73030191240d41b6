// The scalar functions of the elementwise table, on host numbers.
#pragma once
#include <cmath>
#include <cstdint>

namespace scoregrad::scalar {

template <class T>
T where(bool m, T a, T b) {
  return m ? a : b;
}
using std::abs;
using std::asinh;
using std::atan;
using std::atan2;
using std::cos;
using std::cosh;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;

template <class T>
T round(T x) {
  return std::nearbyint(x);
}
template <class T>
T sigmoid(T x) {
  const T z = exp(-abs(x));
  return where(x < T(0), z, T(1)) / (T(1) + z);
}
template <class T>
T softplus(T x) {
  return where(x > T(0), x, T(0)) + log1p(exp(-abs(x)));
}
template <class T>
T logaddexp(T a, T b) {
  return a == b ? a + T(0.69314718055994531) : where(a > b, a, b) + log1p(exp(-abs(a - b)));
}
/// Python's: the sign of b.
template <class T>
T mod(T a, T b) {
  const T r = std::fmod(a, b);
  if (r == T(0)) return std::copysign(r, b);
  return (r < T(0)) != (b < T(0)) ? r + b : r;
}
template <class T>
T erfinv(T x) {
  const T a = abs(x);
  if (!(a < T(1))) return a == T(1) ? x / T(0) : (x - x) / (x - x);
  // Winitzki's first guess, then Halley's steps on erf (erfc in the tail).
  T w = -log((T(1) - x) * (T(1) + x));
  const T l = T(4.3307467508) - w / T(2);
  T y = std::copysign(sqrt(abs(sqrt(l * l + w / T(0.147)) - l)), x);
  for (int i = 0; i < 4; ++i) {
    const T e = (a < T(0.5) ? erf(y) - x : (x < T(0) ? T(-1) : T(1)) * ((T(1) - a) - erfc(abs(y)))) * T(0.88622692545275801) * exp(y * y);
    y -= e / (T(1) + y * e);
  }
  return y;
}

}  // namespace scoregrad::scalar
