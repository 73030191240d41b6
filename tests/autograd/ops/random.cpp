#include "autograd/ops/random.h"

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("integers stay in their range at the ends of int64, and a range that uniforms cannot fill is refused") {
  for (int64_t low : {INT64_MIN, INT64_MAX - 10}) {
    bool inside = true;
    for (int64_t i : integers(low, low + 10, {1000}, Key(1)).to_vector<int64_t>()) inside = inside && i >= low && i < low + 10;
    CHECK(inside);
  }
  const int64_t most = int64_t{1} << 53;
  CHECK(min(integers(0, most, {100}, Key(2))).item() >= 0);
  CHECK_THROWS_AS(integers(0, most + 1, {4}, Key(2)), Error);
  CHECK_THROWS_AS(integers(INT64_MIN, INT64_MAX, {4}, Key(2)), Error);
}

TEST_CASE("integers take options and an offset like their siblings") {
  const Tensor all = integers(-3, 9, {40}, Key(3));
  CHECK(all.dtype() == int64);
  CHECK(integers(-3, 9, {10}, Key(3), {int64}, 30).to_vector<int64_t>() == slice_axis(all, 0, 30, 40).to_vector<int64_t>());
  const Tensor real = integers(-3, 9, {40}, Key(3), {float64});
  CHECK(real.dtype() == float64);
  check_close(real, all.to(float64));
  CHECK_THROWS_AS(integers(0, 2, {3}, Key(3), {boolean}), Error);
}
