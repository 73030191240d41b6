// Every row of the elementwise table against libm in long double: on its range, over all exponents, and at the special values, on every
// instruction set of the machine.
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>

#include "tests/catch.h"
#include "tests/cpu/programs.h"
#include "tests/cpu/targets.h"

using namespace scoregrad;
using scoregrad::testing::for_each_target;
using scoregrad::testing::run_one;

namespace {

using Wide = long double;
constexpr Wide root_half = 0.707106781186547524400844362104849039L, ln_2 = 0.693147180559945309417232121458176568L;

Wide sigmoid(Wide x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Wide softplus(Wide x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }
Wide round_even(Wide x) { return std::nearbyint(x); }
Wide mod(Wide a, Wide b) {
  const Wide r = std::fmod(a, b);
  return r == 0 ? std::copysign(r, b) : (r < 0) != (b < 0) ? r + b : r;
}
Wide erfinv(Wide x) {
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
Wide digamma(Wide x) {
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
Wide polygamma(Wide n, Wide x) {
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
Wide normal_pdf(Wide x) { return root_two_over_pi / 2 * std::exp(-x * x / 2); }
Wide ndtr(Wide x) { return std::erfc(-root_half * x) / 2; }
// With H_n = (-1)^n d^n/dx^n e^(x^2) erfc(x): H_n / H_(n-1) for x > 0, a continued fraction.
Wide erfcx_ratio(int n, Wide x) {
  Wide ratio = 0;
  for (int k = n + 4000; k > n; --k) ratio = 2 * (k - 1) / (2 * x + ratio);
  return ratio;
}
Wide erfcx(Wide x) {
  if (std::isinf(x)) return x > 0 ? 0 : -x;
  return x < 3 ? std::exp(x * x) * std::erfc(x) : root_two_over_pi / root_half / (2 * x + erfcx_ratio(1, x));
}
Wide erfcx_slope(Wide order, Wide x) {
  const int n = static_cast<int>(order);
  Wide before = root_two_over_pi / root_half, y = erfcx(x);
  if (std::isinf(x)) return y;
  for (int k = 1; k <= n; ++k) {
    const Wide next = x > 1 ? y * erfcx_ratio(k, x) : (k > 1 ? 2 * (k - 1) : 1) * before - 2 * x * y;
    before = y, y = next;
  }
  return y;
}
Wide inverse_mills(Wide x) { return x < -5 ? root_two_over_pi / erfcx(-root_half * x) : normal_pdf(x) / ndtr(x); }
Wide inverse_mills_slope(Wide x) {
  if (std::isinf(x)) return x < 0 ? -1 : -0.0L;
  const Wide r = inverse_mills(x);
  return -r * (x < -5 ? root_half * erfcx_ratio(1, -root_half * x) : x + r);
}
Wide log_ndtr(Wide x) {
  if (x < -5) return std::log(erfcx(-root_half * x) / 2) - x * x / 2;
  return x < 0 ? std::log(ndtr(x)) : std::log1p(-ndtr(-x));
}
Wide not_a_number_or(Wide a, Wide b, Wide y) { return std::isnan(a) ? a : std::isnan(b) ? b : y; }
Wide hypot_slope(Wide a, Wide b) {
  const Wide size = std::isinf(a) ? (std::isinf(b) ? root_half : 1) : std::isinf(b) || a == 0 ? 0 : std::abs(a) / std::hypot(a, b);
  return not_a_number_or(a, b, std::copysign(size, a));
}
Wide atan2_slope(Wide a, Wide b) {
  if (std::isinf(a) || std::isinf(b)) return not_a_number_or(a, b, std::copysign(0.0L, b));
  return b / (a * a + b * b);
}
Wide powlog(Wide a, Wide b) {
  const Wide y = std::pow(a, b);
  return y == 0 && !(a < 0) ? 0 : y * std::log(a);  // below 0 it has no derivative in b
}
Wide logaddexp(Wide a, Wide b) { return a == b ? a + ln_2 : std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))); }

struct Reference {
  Wide (*value)(Wide a, Wide b);
  double ulps;             // allowed, on AVX2, AVX-512 and NEON; without fused multiply-adds half a unit more
  bool everywhere = true;  // false: the row's own formula loses digits away from its range
  // Where a formula cancels or underflows on the way, the size of what it adds up; `least` is the smallest normal number.
  double (*scale)(double a, double b, double least) = nullptr;
};
double larger_operand(double a, double b, double) { return std::isfinite(a) && std::isfinite(b) ? std::max(std::abs(a), std::abs(b)) : 0; }
double underflow(double a, double, double least) { return a < -80 && std::isfinite(a) ? -a * least : 0; }
double early_underflow(double a, double, double least) { return a < -12 && std::isfinite(a) ? -a * least : 0; }
// What psi's two terms add up to for negative x; around its zero at 1.46 the long doubles of the reference have too few digits as well.
double digamma_terms(double x, double, double) { return x > 0 ? 0.05 : x == 0 || x == std::floor(x) ? 0 : std::log(2 - x) + 1; }
double polygamma_terms(double n, double x, double) { return x > 0 || x == std::floor(x) ? 0 : std::tgamma(n + 1) * std::pow(4.0, n + 1); }

double silu_terms(double x, double b, double least) {
  if (!std::isfinite(x)) return 0;
  const double s = static_cast<double>(sigmoid(x));
  return s * (1 + std::abs(x) * (1 - s)) + underflow(x, b, least);
}
double erfcx_terms(double n, double x, double) { return x > 0.3 && x < 1 ? 10 * std::tgamma(n + 1) : 0; }
// -r (x + r) where x is about -1, and where r is below the smallest normal number.
double mills_terms(double x, double, double least) { return x > -1.6 && x < 0 ? 4 : x > 12 && std::isfinite(x) ? 50 * least : 0; }
// A power below the smallest normal number keeps few digits.
double power_underflow(double a, double b, double least) { return std::pow(std::abs(a), b) < 4 * least ? 100 * least : 0; }

#define UNARY(expression) [](Wide x, Wide) -> Wide { return expression; }
#define BINARY(expression) [](Wide a, Wide b) -> Wide { return expression; }
const std::map<std::string, Reference> references = {
    {"neg", {UNARY(-x), 0.5}},
    {"abs", {UNARY(std::abs(x)), 0.5}},
    {"sign",
     {UNARY(x > 0   ? 1
            : x < 0 ? -1
                    : x),
      0.5}},
    {"floor", {UNARY(std::floor(x)), 0.5}},
    {"round", {UNARY(round_even(x)), 0.5}},
    {"heaviside",
     {UNARY(x > 0    ? 1
            : x == x ? 0
                     : x),
      0.5}},
    {"binade", {UNARY(x), 0.5}},  // by type, see check_row
    {"gap", {BINARY(a == b ? 0 : a - b), 0.5}},
    {"xdivy", {BINARY(a == 0 ? not_a_number_or(b, b, 0) : a / b), 0.5}},
    {"powlog", {BINARY(powlog(a, b)), 3, true, power_underflow}},
    {"hypot", {BINARY(not_a_number_or(a, b, std::hypot(a, b))), 1.5}},
    {"hypot_slope", {BINARY(hypot_slope(a, b)), 2.5}},
    {"rhypot", {BINARY(not_a_number_or(a, b, 1 / std::hypot(a, b))), 2.5}},
    {"atan2_slope", {BINARY(atan2_slope(a, b)), 3}},
    {"sigmoid_slope", {UNARY(sigmoid(x) * sigmoid(-x)), 4}},
    {"silu_slope", {UNARY(std::isinf(x) ? (x > 0 ? 1 : -0.0L) : sigmoid(x) * (1 + x * sigmoid(-x))), 4, true, silu_terms}},
    {"ndtr", {UNARY(ndtr(x)), 4}},
    {"normal_pdf", {UNARY(normal_pdf(x)), 3}},
    {"exp_minus_square", {UNARY(std::exp(-x * x)), 2}},
    {"log_ndtr", {UNARY(log_ndtr(x)), 4}},
    {"inverse_mills", {UNARY(inverse_mills(x)), 6}},
    {"inverse_mills_slope", {UNARY(inverse_mills_slope(x)), 8, true, mills_terms}},
    {"erfcx", {UNARY(erfcx(x)), 4}},
    {"erfcx_slope", {BINARY(erfcx_slope(a, b)), 24, true, erfcx_terms}},
    {"exp", {UNARY(std::exp(x)), 1.5}},
    {"expm1", {UNARY(std::expm1(x)), 2}},
    {"log", {UNARY(std::log(x)), 1}},
    {"log1p", {UNARY(std::log1p(x)), 1.5}},
    {"sqrt", {UNARY(std::sqrt(x)), 0.5}},
    {"rsqrt", {UNARY(1 / std::sqrt(x)), 1.5}},
    {"square", {UNARY(x * x), 0.5}},
    {"reciprocal", {UNARY(1 / x), 0.5}},
    {"sin", {UNARY(std::sin(x)), 1}},
    {"cos", {UNARY(std::cos(x)), 1}},
    {"tan", {UNARY(std::tan(x)), 2}},
    {"tanh", {UNARY(std::tanh(x)), 1.5}},
    {"sinh", {UNARY(std::sinh(x)), 2.5}},
    {"cosh", {UNARY(std::cosh(x)), 2.5}},
    {"asinh", {UNARY(std::asinh(x)), 2.5}},
    {"atan", {UNARY(std::atan(x)), 2}},
    {"sigmoid", {UNARY(sigmoid(x)), 2}},
    {"softplus", {UNARY(softplus(x)), 2}},
    {"logsigmoid", {UNARY(-softplus(-x)), 2}},
    {"relu", {UNARY(x > 0 || x != x ? x : 0), 0.5}},
    {"silu", {UNARY(x < -1e5L ? -0.0L : x * sigmoid(x)), 3, true, underflow}},
    {"gelu", {UNARY(x < -1e5L ? -0.0L : x / 2 * std::erfc(-root_half * x)), 4, true, early_underflow}},
    {"erf", {UNARY(std::erf(x)), 2}},
    {"erfc", {UNARY(std::erfc(x)), 4}},
    {"erfinv", {UNARY(erfinv(x)), 4}},
    {"lgamma", {UNARY(std::lgamma(x)), 6}},
    {"digamma", {UNARY(digamma(x)), 3, true, digamma_terms}},
    {"polygamma", {BINARY(polygamma(a, b)), 8, true, polygamma_terms}},
    {"add", {BINARY(a + b), 0.5}},
    {"sub", {BINARY(a - b), 0.5}},
    {"mul", {BINARY(a * b), 0.5}},
    {"div", {BINARY(a / b), 0.5}},
    {"pow", {BINARY(std::pow(a, b)), 1}},
    {"xlogy", {BINARY(a == 0 ? not_a_number_or(b, b, 0) : a * std::log(b)), 2.5}},
    {"atan2", {BINARY(std::atan2(a, b)), 2}},
    {"logaddexp", {BINARY(logaddexp(a, b)), 2.5, true, larger_operand}},
    {"maximum", {BINARY(a > b || a != a ? a : b), 0.5}},
    {"minimum", {BINARY(a < b || a != a ? a : b), 0.5}},
    {"share",
     {BINARY(a > b    ? 1
             : a == b ? 0.5L
             : a < b  ? 0
                      : a + b),
      0.5}},
    {"mod", {BINARY(mod(a, b)), 0.5}},
};
#undef UNARY
#undef BINARY

// The distance in units of the last place of T at `want` or at `scale`, the larger; infinite where one is an infinity, NaN or (without
// a scale) a signed zero that the other is not.
template <class T>
double distance(T got, Wide want, double scale) {
  const T near = static_cast<T>(want);
  if (std::isnan(near) || std::isnan(got)) return std::isnan(near) && std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(near) || std::isinf(got)) return near == got ? 0 : INFINITY;
  if (got == 0 && near == 0 && scale == 0) return std::signbit(got) == std::signbit(near) ? 0 : INFINITY;
  int e = 0;
  std::frexp(std::max(std::abs(want), static_cast<Wide>(scale)), &e);
  e = std::max(e, std::numeric_limits<T>::min_exponent);
  return static_cast<double>(std::abs(static_cast<Wide>(got) - want) / std::ldexp(Wide(1), e - std::numeric_limits<T>::digits));
}

template <class T>
std::vector<T> special_values() {
  using L = std::numeric_limits<T>;
  std::vector<T> v{
      0,       1,        T(0.5),   2,   3,   10,       L::min(), L::denorm_min(), L::max(), L::infinity(), L::epsilon(), T(87.4),
      T(88.8), T(103.5), T(104.5), 709, 710, T(745.2), 746,      T(1e5),          T(1e10),  T(1e22),       T(3e38),      L::min() / 3};
  for (size_t i = v.size(); i-- > 0;) v.push_back(-v[i]);
  v.push_back(L::quiet_NaN());
  return v;
}

// Operands of a row: the range, then (where the row stands it) any exponent, then the special values, in pairs for two operands.
template <class T>
void draw(const Row& r, bool everywhere, std::vector<T>& a, std::vector<T>& b) {
  std::mt19937_64 source(17);
  std::uniform_real_distribution<double> uniform(r.lo, r.hi);
  for (int i = 0; i < 6000; ++i) a.push_back(static_cast<T>(uniform(source))), b.push_back(static_cast<T>(uniform(source)));
  if (everywhere) {
    for (int i = 0; i < 6000; ++i) {
      uint64_t word[2] = {source(), source()};
      T x, y;
      std::memcpy(&x, &word[0], sizeof x);
      std::memcpy(&y, &word[1], sizeof y);
      a.push_back(x), b.push_back(y);
    }
    std::uniform_real_distribution<double> middle(-40, 40);
    for (int i = 0; i < 6000; ++i) a.push_back(static_cast<T>(middle(source))), b.push_back(static_cast<T>(middle(source)));
  }
  const std::vector<T> special = special_values<T>();
  for (T x : special)
    for (T y : special) a.push_back(x), b.push_back(y);
  if (std::string(r.name) == "polygamma" || std::string(r.name) == "erfcx_slope")  // the order is a small whole number
    for (T& n : a) n = std::isfinite(n) ? std::floor(std::abs(std::fmod(n, T(6)))) : T(1);
}

template <class T>
void check_row(Op op, const Reference& reference, DType dtype) {
  const Row& r = row(op);
  std::vector<T> a, b;
  draw(r, reference.everywhere, a, b);
  const int64_t n = static_cast<int64_t>(a.size());
  std::vector<Wide> want;
  for (size_t i = 0; i < a.size(); ++i) want.push_back(reference.value(a[i], b[i]));
  if (op == Op::binade_)
    for (Wide& w : want)
      if (!std::isnan(w)) {
        using L = std::numeric_limits<T>;
        const int e = w == 0 ? L::min_exponent - 1 : std::isinf(w) ? L::max_exponent : std::ilogb(w);
        w = std::ldexp(Wide(1), std::clamp(e, L::min_exponent - 1, L::max_exponent - 2));
      }
  for_each_target([&](const char* target) {
    std::vector<T> got(a.size());
    std::vector<Access> operands{{a.data(), dtype, {1}}, {b.data(), dtype, {1}}};
    operands.resize(r.form == Form::unary ? 1 : 2);
    run_one(op, dtype, {n}, operands, {got.data(), dtype, {1}});
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double d = distance(got[i], want[i], reference.scale ? reference.scale(a[i], b[i], std::numeric_limits<T>::min()) : 0);
      if (!(d <= worst)) worst = d, at = i;
    }
    const double slack = reference.ulps > 0.5 ? 0.5 : 1e-9;
    INFO(target << " " << r.name << " " << name_of(dtype) << ": " << worst << " ulp at " << a[at] << ", " << b[at] << ": got " << got[at]
                << " want " << static_cast<double>(want[at]));
    CHECK(worst <= reference.ulps + slack);
  });
}

}  // namespace

TEST_CASE("every floating row agrees with libm, on its range, at all exponents and at the special values", "[accuracy]") {
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    if (r.types == Types::B || r.form == Form::compare || r.form == Form::select) continue;
    const auto found = references.find(r.name);
    if (found == references.end()) FAIL("no reference for row " << r.name);
    check_row<float>(op, found->second, float32);
    check_row<double>(op, found->second, float64);
  }
}

TEST_CASE("comparisons are false for NaN, but for ne", "[accuracy]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for_each_target([&](const char* target) {
    INFO(target);
    auto compare = [](Op op, double x, double y) {
      std::vector<double> a(21, x), b(21, y);
      bool out[21];
      run_one(op, float64, {21}, {Access{a.data(), float64, {1}}, Access{b.data(), float64, {1}}}, {out, boolean, {1}});
      std::vector<float> c(21, static_cast<float>(x)), d(21, static_cast<float>(y));
      bool narrow[21];
      run_one(op, float32, {21}, {Access{c.data(), float32, {1}}, Access{d.data(), float32, {1}}}, {narrow, boolean, {1}});
      for (int i = 0; i < 21; ++i) REQUIRE((out[i] == out[0] && narrow[i] == out[0]));
      return out[0];
    };
    for (Op op : {Op::lt_, Op::le_, Op::gt_, Op::ge_, Op::eq_}) CHECK_FALSE(compare(op, nan, 1));
    for (Op op : {Op::lt_, Op::le_, Op::gt_, Op::ge_, Op::eq_}) CHECK_FALSE(compare(op, nan, nan));
    CHECK(compare(Op::ne_, nan, nan));
    CHECK(compare(Op::ne_, 1, 2));
    CHECK_FALSE(compare(Op::ne_, 2, 2));
    CHECK(compare(Op::lt_, 1, 2));
    CHECK_FALSE(compare(Op::lt_, 2, 2));
    CHECK(compare(Op::le_, 2, 2));
    CHECK(compare(Op::gt_, 3, 2));
    CHECK(compare(Op::ge_, 2, 2));
    CHECK(compare(Op::eq_, 0.0, -0.0));
  });
}

TEST_CASE("rows of bools and integers hold on every instruction set", "[accuracy]") {
  for_each_target([](const char* target) {
    INFO(target);
    const int64_t n = 200;
    testing::Array a(int64, {n}), b(int64, {n}), out(int64, {n}), m(boolean, {n}), k(boolean, {n}), q(boolean, {n});
    a.draw(-9, 9, 1), b.draw(-4, 4, 2), m.draw(0, 1, 3), k.draw(0, 1, 4);
    run_one(Op::mul_, int64, {n}, {a.access(), b.access()}, out.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(out.get(i) == a.get(i) * b.get(i));
    run_one(Op::where_, int64, {n}, {m.access(), a.access(), b.access()}, out.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(out.get(i) == (m.get(i) != 0 ? a.get(i) : b.get(i)));
    run_one(Op::lt_, int64, {n}, {a.access(), b.access()}, q.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(q.get(i) == (a.get(i) < b.get(i)));
    run_one(Op::logical_and_, boolean, {n}, {m.access(), k.access()}, q.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(q.get(i) == (m.get(i) != 0 && k.get(i) != 0));
    run_one(Op::logical_or_, boolean, {n}, {m.access(), k.access()}, q.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(q.get(i) == (m.get(i) != 0 || k.get(i) != 0));
    run_one(Op::logical_not_, boolean, {n}, {m.access()}, q.access());
    for (int64_t i = 0; i < n; ++i) REQUIRE(q.get(i) == (m.get(i) == 0));
    for (DType dtype : {float32, float64}) {
      testing::Array x(dtype, {n}), y(dtype, {n}), z(dtype, {n});
      x.draw(-1, 1, 5), y.draw(-1, 1, 6);
      run_one(Op::where_, dtype, {n}, {m.access(), x.access(), y.access()}, z.access());
      for (int64_t i = 0; i < n; ++i) REQUIRE(z.get(i) == (m.get(i) != 0 ? x.get(i) : y.get(i)));
    }
  });
}
