#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEMPLATE_TEST_CASE("a running sum adds in order along its axis, in every layout", "", float, double, int64_t) {
  using Sum = std::conditional_t<std::is_same_v<TestType, float>, double, TestType>;
  for (const Shape& shape : {Shape{1}, Shape{0}, Shape{50}, Shape{4, 100}, Shape{100, 4}, Shape{3, 0}, Shape{2, 3, 70}, Shape{2, 3, 4, 5}})
    for (Layout from : layouts)
      for (Layout to : {Layout::contiguous, Layout::permuted, Layout::reversed})
        for (int axis = 0; axis < shape.rank; ++axis) {
          const Array<TestType> in = std::move(Array<TestType>(shape, from).fill_random(1));
          Array<TestType> out(shape, to);
          cpu_backend().call({}, calls::CumSum{out.view, in.view, axis});
          Shape lines = shape;
          lines[axis] = std::min<int64_t>(1, shape[axis]);
          int64_t wrong = 0;
          for_each_index(lines, [&](Dims i) {
            Sum sum = 0;
            for (; i[axis] < shape[axis]; ++i[axis]) {
              sum += in.at(i);
              wrong += !same_bits(out.at(i), static_cast<TestType>(sum));
            }
          });
          REQUIRE(wrong == 0);
        }
}

TEST_CASE("many running sums are the same for any number of threads") {
  const Array<float> in = std::move(Array<float>({300, 400}).fill_random(1));
  for (int axis : {0, 1}) {
    Array<float> first({300, 400});
    cpu_backend().call({}, calls::CumSum{first.view, in.view, axis});
    with_threads([&] {
      Array<float> again({300, 400});
      cpu_backend().call({}, calls::CumSum{again.view, in.view, axis});
      require_same_bits(first, again);
    });
  }
}

TEST_CASE("a running sum of a million float32 keeps its digits") {
  Array<float> in({1000000}), out({1000000});
  cpu_backend().call({}, calls::Fill{in.view, {0.1, 0}});
  cpu_backend().call({}, calls::CumSum{out.view, in.view, 0});
  CHECK(out.at({999999}) == static_cast<float>(1e6 * static_cast<double>(0.1f)));
}
