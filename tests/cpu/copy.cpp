#include <limits>

#include "tests/cpu/arrays.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

TEST_CASE("a cast of NaN or a huge number to int64 is defined") {
  Array<double> in({5});
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const double values[] = {nan, inf, -inf, 1e300, -0x1p63};
  const int64_t low = std::numeric_limits<int64_t>::min(), high = std::numeric_limits<int64_t>::max(),
                expected[] = {0, high, low, high, low};
  for (int i = 0; i < 5; ++i) in.at({i}) = values[i];
  Array<int64_t> out({5});
  cpu_backend().call({}, calls::Copy{out.view, in.view});
  for (int i = 0; i < 5; ++i) CHECK(out.at({i}) == expected[i]);
  Array<bool> truth({5});
  cpu_backend().call({}, calls::Copy{truth.view, in.view});
  for (int i = 0; i < 5; ++i) CHECK(truth.at({i}));
}

TEST_CASE("large copies and transpositions are the same for any number of threads") {
  for (const Shape& shape : {Shape{600, 700}, Shape{3, 200, 500}})
    for (Layout from : layouts) {
      const Array<float> in = std::move(Array<float>(shape, from).fill_random(2));
      with_threads([&] {
        Array<float> out(shape);
        cpu_backend().call({}, calls::Copy{out.view, in.view});
        int64_t wrong = 0;
        for_each_index(shape, [&](const Dims& i) { wrong += out.at(i) != in.at(i); });
        REQUIRE(wrong == 0);
      });
    }
}

TEST_CASE("fill writes every element and nothing beside them") {
  for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{300, 500}, Shape{3, 4, 5}})
    for (Layout layout : {Layout::contiguous, Layout::permuted, Layout::reversed, Layout::spaced}) {
      Array<double> out(shape, layout);
      cpu_backend().call({}, calls::Fill{out.view, {2.5, 7}});
      for_each_index(shape, [&](const Dims& i) { REQUIRE(out.at(i) == 2.5); });
      if (layout == Layout::spaced && shape.rank == 1 && shape[0] > 0) REQUIRE((&out.at({0}))[1] == 0);
    }
  Array<int64_t> integers({3});
  cpu_backend().call({}, calls::Fill{integers.view, {2.5, 7}});
  CHECK(integers.at({2}) == 7);
  Array<bool> truth({3});
  cpu_backend().call({}, calls::Fill{truth.view, {0, 7}});
  CHECK(truth.at({2}));
  Array<float> single({3}, Layout::spaced);
  cpu_backend().call({}, calls::Fill{single.view, {2.5, 7}});
  CHECK(single.at({1}) == 2.5f);
  CHECK((&single.at({0}))[1] == 0);
}
