// Every row of the elementwise table against libm in long double: on its range, over all exponents, and at the special values, on every
// instruction set of the machine.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "tests/catch.h"
#include "tests/cpu/programs.h"
#include "tests/cpu/targets.h"
#include "tests/row_reference.h"

using namespace scoregrad;
using scoregrad::testing::for_each_target;
using scoregrad::testing::run_one;

namespace {

using row_reference::RowReference, row_reference::Wide;

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
void check_row(Op op, const RowReference& reference, DType dtype) {
  const Row& r = row(op);
  std::vector<T> a, b;
  draw(r, reference.everywhere, a, b);
  const int64_t n = static_cast<int64_t>(a.size());
  std::vector<Wide> want;
  for (size_t i = 0; i < a.size(); ++i) want.push_back(reference.value(a[i], b[i], 0));
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
    const auto found = row_reference::rows.find(r.name);
    if (found == row_reference::rows.end()) FAIL("no reference for row " << r.name);
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
