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
