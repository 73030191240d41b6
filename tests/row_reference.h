// What each row of the elementwise table should compute and keep, by another route: libm and schoolbook series in long double. The tests of
// the table, of its kernels' accuracy and of what rules save read it; a row without a line here fails them.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

namespace scoregrad::row_reference {

using Wide = long double;
constexpr Wide root_half = 0.707106781186547524400844362104849039L, ln_2 = 0.693147180559945309417232121458176568L;

inline Wide sigmoid(Wide x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
inline Wide softplus(Wide x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }
inline Wide round_even(Wide x) { return std::nearbyint(x); }
inline Wide mod(Wide a, Wide b) {
  const Wide r = std::fmod(a, b);
  return r == 0 ? std::copysign(r, b) : (r < 0) != (b < 0) ? r + b : r;
}
inline Wide erfinv(Wide x) {
  if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? x / 0.0L : std::numeric_limits<Wide>::quiet_NaN();
  if (std::abs(x) < 1e-9L) return x * 0.886226925452758013649083741670572591L;  // the next term is x^2 / 4 smaller
  Wide lo = 0, hi = 30;                                                         // bisection on erfc: slow and beyond doubt
  for (int i = 0; i < 120; ++i) {
    const Wide mid = (lo + hi) / 2;
    (std::abs(x) < 0.5L ? std::erf(mid) < std::abs(x) : std::erfc(mid) > 1 - std::abs(x)) ? lo = mid : hi = mid;
  }
  return std::copysign(lo, x);
}
// psi and its derivatives from their definition for negative x and their recurrence, with the asymptotic series from 60 on.
constexpr Wide pi = 3.14159265358979323846264338327950288L;
inline Wide digamma(Wide x) {
  if (x == 0) return std::copysign(std::numeric_limits<Wide>::infinity(), -x);
  if (x < 0) {
    if (std::isinf(x) || x == std::floor(x)) return std::numeric_limits<Wide>::quiet_NaN();
    return digamma(1 - x) - pi / std::tan(pi * (x - std::nearbyint(x)));
  }
  Wide sum = 0;
  for (; x < 60; x += 1) sum -= 1 / x;
  const Wide z = 1 / (x * x);
  return sum + std::log(x) - 1 / x / 2 - z / 12 * (1 - z / 10 * (1 - z * 10 / 21 * (1 - z * 21 / 20 * (1 - z * 20 / 11))));
}
inline Wide polygamma(Wide n, Wide x) {
  if (n == 0) return digamma(x);
  const Wide sign = std::fmod(n, 2) == 0 ? -1 : 1;
  if (std::isnan(x) || x == -std::numeric_limits<Wide>::infinity()) return std::numeric_limits<Wide>::quiet_NaN();
  if (x <= 0 && x == std::floor(x)) return sign * std::numeric_limits<Wide>::infinity();
  if (std::isinf(x)) return sign * 0.0L;
  if (x < -60)  // the sum over all integers, less the part beyond
    return polygamma(n, x - std::floor(x)) + sign * (polygamma(n, std::ceil(x) - x) - polygamma(n, 1 - x));
  Wide sum = 0, factor = std::tgamma(n + 1);
  for (; x < 60; x += 1) sum += factor * std::pow(x, -n - 1);
  Wide term = factor / n * std::pow(x, -n), tail = term;
  term *= n / x, tail += term / 2;
  const Wide bernoulli[] = {1 / 12.0L, -1 / 720.0L, 1 / 30240.0L, -1 / 1209600.0L, 1 / 47900160.0L, -691 / 1307674368000.0L};
  for (int j = 0; j < 6; ++j) term *= (n + 2 * j + 1) / x * (j == 0 ? 1 : (n + 2 * j) / x), tail += bernoulli[j] * term;
  return sign * (sum + tail);
}
constexpr Wide root_two_over_pi = 0.797884560802865355879892119868763737L;
inline Wide normal_pdf(Wide x) { return root_two_over_pi / 2 * std::exp(-x * x / 2); }
inline Wide ndtr(Wide x) { return std::erfc(-root_half * x) / 2; }
// With H_n = (-1)^n d^n/dx^n e^(x^2) erfc(x): H_n / H_(n-1) for x > 0, a continued fraction.
inline Wide erfcx_ratio(int n, Wide x) {
  Wide ratio = 0;
  for (int k = n + 4000; k > n; --k) ratio = 2 * (k - 1) / (2 * x + ratio);
  return ratio;
}
inline Wide erfcx(Wide x) {
  if (std::isinf(x)) return x > 0 ? 0 : -x;
  return x < 3 ? std::exp(x * x) * std::erfc(x) : root_two_over_pi / root_half / (2 * x + erfcx_ratio(1, x));
}
inline Wide erfcx_slope(Wide order, Wide x) {
  const int n = static_cast<int>(order);
  Wide before = root_two_over_pi / root_half, y = erfcx(x);
  if (std::isinf(x)) return y;
  for (int k = 1; k <= n; ++k) {
    const Wide next = x > 1 ? y * erfcx_ratio(k, x) : (k > 1 ? 2 * (k - 1) : 1) * before - 2 * x * y;
    before = y, y = next;
  }
  return y;
}
inline Wide inverse_mills(Wide x) { return x < -5 ? root_two_over_pi / erfcx(-root_half * x) : normal_pdf(x) / ndtr(x); }
inline Wide inverse_mills_slope(Wide x) {
  if (std::isinf(x)) return x < 0 ? -1 : -0.0L;
  const Wide r = inverse_mills(x);
  return -r * (x < -5 ? root_half * erfcx_ratio(1, -root_half * x) : x + r);
}
inline Wide log_ndtr(Wide x) {
  if (x < -5) return std::log(erfcx(-root_half * x) / 2) - x * x / 2;
  return x < 0 ? std::log(ndtr(x)) : std::log1p(-ndtr(-x));
}
inline Wide not_a_number_or(Wide a, Wide b, Wide y) { return std::isnan(a) ? a : std::isnan(b) ? b : y; }
inline Wide hypot_slope(Wide a, Wide b) {
  const Wide size = std::isinf(a) ? (std::isinf(b) ? root_half : 1) : std::isinf(b) || a == 0 ? 0 : std::abs(a) / std::hypot(a, b);
  return not_a_number_or(a, b, std::copysign(size, a));
}
inline Wide atan2_slope(Wide a, Wide b) {
  if (std::isinf(a) || std::isinf(b)) return not_a_number_or(a, b, std::copysign(0.0L, b));
  return b / (a * a + b * b);
}
inline Wide powlog(Wide a, Wide b) {
  const Wide y = std::pow(a, b);
  return y == 0 && !(a < 0) ? 0 : y * std::log(a);  // below 0 it has no derivative in b
}
inline Wide logaddexp(Wide a, Wide b) { return a == b ? a + ln_2 : std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))); }

struct RowReference {
  Wide (*value)(Wide a, Wide b, Wide c);  // operands in order; a select's mask is 0 or 1
  std::string saves;                      // which of a, b, y (m: a mask) the derivative needs
  double ulps = 0;                        // allowed, on AVX2, AVX-512 and NEON; without fused multiply-adds half a unit more
  bool everywhere = true;                 // false: the row's own formula loses digits away from its range
  // Where a formula cancels or underflows on the way, the size of what it adds up; `least` is the smallest normal number.
  double (*scale)(double a, double b, double least) = nullptr;
};
inline double larger_operand(double a, double b, double) {
  return std::isfinite(a) && std::isfinite(b) ? std::max(std::abs(a), std::abs(b)) : 0;
}
inline double underflow(double a, double, double least) { return a < -80 && std::isfinite(a) ? -a * least : 0; }
inline double early_underflow(double a, double, double least) { return a < -12 && std::isfinite(a) ? -a * least : 0; }
// What psi's two terms add up to for negative x; around its zero at 1.46 the long doubles of the reference have too few digits as well.
inline double digamma_terms(double x, double, double) { return x > 0 ? 0.05 : x == 0 || x == std::floor(x) ? 0 : std::log(2 - x) + 1; }
inline double polygamma_terms(double n, double x, double) {
  return x > 0 || x == std::floor(x) ? 0 : std::tgamma(n + 1) * std::pow(4.0, n + 1);
}

inline double silu_terms(double x, double b, double least) {
  if (!std::isfinite(x)) return 0;
  const double s = static_cast<double>(sigmoid(x));
  return s * (1 + std::abs(x) * (1 - s)) + underflow(x, b, least);
}
inline double erfcx_terms(double n, double x, double) { return x > 0.3 && x < 1 ? 10 * std::tgamma(n + 1) : 0; }
// -r (x + r) where x is about -1, and where r is below the smallest normal number.
inline double mills_terms(double x, double, double least) { return x > -1.6 && x < 0 ? 4 : x > 12 && std::isfinite(x) ? 50 * least : 0; }
// A power below the smallest normal number keeps few digits.
inline double power_underflow(double a, double b, double least) { return std::pow(std::abs(a), b) < 4 * least ? 100 * least : 0; }

#define UNARY(expression) [](Wide x, Wide, Wide) -> Wide { return expression; }
#define BINARY(expression) [](Wide a, Wide b, Wide) -> Wide { return expression; }
inline const std::map<std::string, RowReference> rows = {
    {"neg", {UNARY(-x), "", 0.5}},
    {"abs", {UNARY(std::abs(x)), "a", 0.5}},
    {"sign",
     {UNARY(x > 0   ? 1
            : x < 0 ? -1
                    : x),
      "", 0.5}},
    {"floor", {UNARY(std::floor(x)), "", 0.5}},
    {"round", {UNARY(round_even(x)), "", 0.5}},
    {"heaviside",
     {UNARY(x > 0    ? 1
            : x == x ? 0
                     : x),
      "", 0.5}},
    {"binade", {UNARY(std::exp2(std::floor(std::log2(std::abs(x))))), "", 0.5}},  // of a type's normal numbers
    {"gap", {BINARY(a == b ? 0 : a - b), "", 0.5}},
    {"xdivy", {BINARY(a == 0 ? not_a_number_or(b, b, 0) : a / b), "by", 0.5}},
    {"powlog", {BINARY(powlog(a, b)), "aby", 3, true, power_underflow}},
    {"hypot", {BINARY(not_a_number_or(a, b, std::hypot(a, b))), "ab", 1.5}},
    {"hypot_slope", {BINARY(hypot_slope(a, b)), "aby", 2.5}},
    {"rhypot", {BINARY(not_a_number_or(a, b, 1 / std::hypot(a, b))), "aby", 2.5}},
    {"atan2_slope", {BINARY(atan2_slope(a, b)), "aby", 3}},
    {"sigmoid_slope", {UNARY(sigmoid(x) * sigmoid(-x)), "ay", 4}},
    {"silu_slope", {UNARY(std::isinf(x) ? (x > 0 ? 1 : -0.0L) : sigmoid(x) * (1 + x * sigmoid(-x))), "a", 4, true, silu_terms}},
    {"ndtr", {UNARY(ndtr(x)), "a", 4}},
    {"normal_pdf", {UNARY(normal_pdf(x)), "ay", 3}},
    {"exp_minus_square", {UNARY(std::exp(-x * x)), "ay", 2}},
    {"log_ndtr", {UNARY(log_ndtr(x)), "a", 4}},
    {"inverse_mills", {UNARY(inverse_mills(x)), "a", 6}},
    {"inverse_mills_slope", {UNARY(inverse_mills_slope(x)), "ay", 8, true, mills_terms}},
    {"erfcx", {UNARY(erfcx(x)), "a", 4}},
    {"erfcx_slope", {BINARY(erfcx_slope(a, b)), "ab", 24, true, erfcx_terms}},
    {"exp", {UNARY(std::exp(x)), "y", 1.5}},
    {"expm1", {UNARY(std::expm1(x)), "a", 2}},
    {"log", {UNARY(std::log(x)), "a", 1}},
    {"log1p", {UNARY(std::log1p(x)), "a", 1.5}},
    {"sqrt", {UNARY(std::sqrt(x)), "y", 0.5}},
    {"rsqrt", {UNARY(1 / std::sqrt(x)), "y", 1.5}},
    {"square", {UNARY(x * x), "a", 0.5}},
    {"reciprocal", {UNARY(1 / x), "y", 0.5}},
    {"sin", {UNARY(std::sin(x)), "a", 1}},
    {"cos", {UNARY(std::cos(x)), "a", 1}},
    {"tan", {UNARY(std::tan(x)), "y", 2}},
    {"tanh", {UNARY(std::tanh(x)), "a", 1.5}},
    {"sinh", {UNARY(std::sinh(x)), "a", 2.5}},
    {"cosh", {UNARY(std::cosh(x)), "a", 2.5}},
    {"asinh", {UNARY(std::asinh(x)), "a", 2.5}},
    {"atan", {UNARY(std::atan(x)), "a", 2}},
    {"sigmoid", {UNARY(sigmoid(x)), "a", 2}},
    {"softplus", {UNARY(softplus(x)), "a", 2}},
    {"logsigmoid", {UNARY(-softplus(-x)), "a", 2}},
    {"relu", {UNARY(x > 0 || x != x ? x : 0), "a", 0.5}},
    {"silu", {UNARY(x < -1e5L ? -0.0L : x * sigmoid(x)), "a", 3, true, underflow}},
    {"gelu", {UNARY(x < -1e5L ? -0.0L : x / 2 * std::erfc(-root_half * x)), "a", 4, true, early_underflow}},
    {"erf", {UNARY(std::erf(x)), "a", 2}},
    {"erfc", {UNARY(std::erfc(x)), "a", 4}},
    {"erfinv", {UNARY(erfinv(x)), "y", 4}},
    {"lgamma", {UNARY(std::lgamma(x)), "a", 6}},
    {"digamma", {UNARY(digamma(x)), "a", 3, true, digamma_terms}},
    {"polygamma", {BINARY(polygamma(a, b)), "ab", 8, true, polygamma_terms}},
    {"add", {BINARY(a + b), "", 0.5}},
    {"sub", {BINARY(a - b), "", 0.5}},
    {"mul", {BINARY(a * b), "ab", 0.5}},
    {"div", {BINARY(a / b), "by", 0.5}},
    {"pow", {BINARY(std::pow(a, b)), "ab", 1}},
    {"xlogy", {BINARY(a == 0 ? not_a_number_or(b, b, 0) : a * std::log(b)), "ab", 2.5}},
    {"atan2", {BINARY(std::atan2(a, b)), "ab", 2}},
    {"logaddexp", {BINARY(logaddexp(a, b)), "ab", 2.5, true, larger_operand}},
    {"maximum", {BINARY(a > b || a != a ? a : b), "ab", 0.5}},
    {"minimum", {BINARY(a < b || a != a ? a : b), "ab", 0.5}},
    {"share",
     {BINARY(a > b    ? 1
             : a == b ? 0.5L
             : a < b  ? 0
                      : a + b),
      "", 0.5}},
    {"mod", {BINARY(mod(a, b)), "aby", 0.5}},
    {"logical_not", {UNARY(x == 0), ""}},
    {"logical_and", {BINARY(a != 0 && b != 0), ""}},
    {"logical_or", {BINARY(a != 0 || b != 0), ""}},
    {"lt", {BINARY(a < b), ""}},
    {"le", {BINARY(a <= b), ""}},
    {"gt", {BINARY(a > b), ""}},
    {"ge", {BINARY(a >= b), ""}},
    {"eq", {BINARY(a == b), ""}},
    {"ne", {BINARY(a != b), ""}},
    {"where", {[](Wide m, Wide a, Wide b) -> Wide { return m != 0 ? a : b; }, "m"}},
};
#undef UNARY
#undef BINARY

}  // namespace scoregrad::row_reference
