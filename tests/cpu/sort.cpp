#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEMPLATE_TEST_CASE("sorting is stable in both directions, in every layout", "", float, double, int64_t, bool) {
  for (const Shape& shape : {Shape{1}, Shape{0}, Shape{200}, Shape{4, 30}, Shape{30, 4}, Shape{3, 0}, Shape{2, 3, 20}})
    for (Layout from : layouts)
      for (Layout to : {Layout::contiguous, Layout::permuted})
        for (bool descending : {false, true})
          for (int axis = 0; axis < shape.rank; ++axis) {
            Array<TestType> in = std::move(Array<TestType>(shape, from).fill_random(1));
            // Many equals, so that stability shows.
            if constexpr (!std::is_same_v<TestType, bool>)
              for_each_index(shape, [&](const Dims& i) { in.at(i) = static_cast<TestType>(std::floor(static_cast<double>(in.at(i)))); });
            Array<TestType> values(shape, to);
            Array<int64_t> positions(shape, Layout::reversed);
            cpu_backend().call({}, calls::Sort{values.view, positions.view, in.view, axis, descending});
            Shape lines = shape;
            lines[axis] = std::min<int64_t>(1, shape[axis]);
            for_each_index(lines, [&](Dims i) {
              std::vector<int64_t> order(static_cast<size_t>(shape[axis]));
              std::iota(order.begin(), order.end(), 0);
              const auto value = [&](int64_t k) {
                Dims at = i;
                at[axis] = k;
                return in.at(at);
              };
              std::stable_sort(order.begin(), order.end(),
                               [&](int64_t a, int64_t b) { return descending ? value(a) > value(b) : value(a) < value(b); });
              for (int64_t k : order) {
                REQUIRE(positions.at(i) == k);
                REQUIRE(values.at(i) == value(k));
                ++i[axis];
              }
            });
          }
}

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
