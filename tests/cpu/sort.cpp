#include <cmath>
#include <limits>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEST_CASE("NaN comes last in either direction") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Array<float> in({5}), values({5});
  Array<int64_t> positions({5});
  const float x[] = {nan, 2, nan, 1, 3};
  for (int i = 0; i < 5; ++i) in.at({i}) = x[i];
  cpu_backend().call({}, calls::Sort{values.view, positions.view, in.view, 0, false});
  const int64_t up[] = {3, 1, 4, 0, 2}, down[] = {4, 1, 3, 0, 2};
  for (int i = 0; i < 5; ++i) CHECK(positions.at({i}) == up[i]);
  CHECK(std::isnan(values.at({3})));
  cpu_backend().call({}, calls::Sort{values.view, positions.view, in.view, 0, true});
  for (int i = 0; i < 5; ++i) CHECK(positions.at({i}) == down[i]);
  CHECK(std::isnan(values.at({4})));
}

TEST_CASE("many lines sort the same for any number of threads") {
  const Array<float> in = std::move(Array<float>({100, 300}).fill_random(1));
  Array<float> first({100, 300});
  Array<int64_t> positions({100, 300});
  cpu_backend().call({}, calls::Sort{first.view, positions.view, in.view, 1, false});
  with_threads([&] {
    Array<float> again({100, 300});
    Array<int64_t> where({100, 300});
    cpu_backend().call({}, calls::Sort{again.view, where.view, in.view, 1, false});
    require_same_bits(first, again);
    require_same_bits(positions, where);
  });
}
