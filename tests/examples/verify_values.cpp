// When two routes of `verify` agree: its arithmetic of errors and thresholds.
#include <cmath>
#include <limits>

#include "examples/verify/values.cpp"  // of a program, so that there is no library to link
#include "tests/catch.h"

using namespace scoregrad;
using namespace scoregrad::verify;
using Catch::Matchers::WithinRel;

namespace {
Values sampled(double value, double error, int64_t freedom = 0) {
  Values v(value);
  v.error = {error};
  v.freedom = freedom;
  return v;
}
}  // namespace

TEST_CASE("the z that a run must stay below grows with the number of comparisons") {
  CHECK_THAT(threshold(1), WithinRel(4.891638, 1e-6));
  CHECK_THAT(std::erfc(threshold(2000) / std::sqrt(2.0)) * 2000, WithinRel(1e-6, 1e-6));
  CHECK(threshold(0) == threshold(1));
}

TEST_CASE("few blocks make a deviation less telling: Student's t becomes the normal deviation of equal probability") {
  CHECK(normal_deviation(3, 0) == 3);
  CHECK_THAT(normal_deviation(2.228139, 10), WithinRel(1.959964, 2e-3));  // both have 5 % beyond
  CHECK_THAT(normal_deviation(6.0, 63), WithinRel(5.315869, 1e-3));       // both have 1.1e-7 beyond
  CHECK_THAT(normal_deviation(-2.0, 1000000), WithinRel(2.0, 1e-5));
}

TEST_CASE("routes are compared to rounding where exact and by standard error where sampled") {
  const Distance exact = distance(Values{1, 3}, Values{1, 3.004}, 1e-10);
  CHECK_THAT(exact.error, WithinRel(0.001, 1e-2));
  CHECK(exact.comparisons == 0);
  const Distance mixed = distance(joined({1.0, sampled(2, 0.3)}), joined({1.0, sampled(3, 0.4)}), 0);
  CHECK(mixed.error == 0);
  CHECK_THAT(mixed.z, WithinRel(2.0, 1e-12));
  CHECK(mixed.comparisons == 1);
  CHECK(distance(Values(0.0), sampled(1e-6, 1e-7), 1e-5).z == 0);  // within what rounding may do
  CHECK(std::isinf(distance(Values(0.0), Values(std::nan("")), 1e-10).error));
  CHECK_THROWS_AS(distance(Values{1, 2}, Values{1}, 0), Error);
}

TEST_CASE("errors of independent values add in squares and scale with them") {
  const Values d = 2 * (sampled(5, 3, 40) - sampled(1, 4, 20));
  CHECK(d.value[0] == 8);
  CHECK_THAT(d.error[0], WithinRel(10.0, 1e-12));
  CHECK(d.freedom == 20);
}
