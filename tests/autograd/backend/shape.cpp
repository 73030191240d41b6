#include "autograd/backend/shape.h"

#include "autograd/backend/error.h"
#include "tests/catch.h"

using namespace scoregrad;

TEST_CASE("shapes broadcast from the right, an extent of one repeats") {
  CHECK(broadcast_shapes({}, "add", {5, 1, 3}, {4, 1}) == Shape{5, 4, 3});
  CHECK(broadcast_shapes({}, "add", {}, {2, 0}) == Shape{2, 0});
  CHECK(broadcast_shapes({}, "add", {0}, {1}) == Shape{0});
}

TEST_CASE("shapes that do not broadcast are refused, with op, shapes and the caller's line") {
  try {
    broadcast_shapes({"here.cpp", 12}, "add", {2, 3}, {4});
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(std::string(e.what()) == "add: shapes [2, 3] and [4] do not broadcast [at here.cpp:12]");
  }
}

TEST_CASE("an overflowing or negative shape is refused, an empty one is not") {
  const int64_t big = int64_t{1} << 31;
  CHECK_THROWS_AS(check_shape({}, "zeros", {big, big}), Error);
  CHECK_THROWS_AS(check_shape({}, "zeros", {2 * big, 2 * big}), Error);  // 2^64, which wraps to nothing
  CHECK_THROWS_AS(check_shape({}, "zeros", {0, big, big, big}), Error);  // empty, but its strides overflow
  CHECK_THROWS_AS(check_shape({}, "zeros", {2, -1}), Error);
  CHECK_NOTHROW(check_shape({}, "zeros", {big, big, 0}));
}

TEST_CASE("axes count from either end, are sorted, and none is named twice") {
  CHECK(normal_axes({}, "sum", {-1, 0}, 3) == Axes{0, 2});
  CHECK(normal_axes({}, "sum", {}, 2) == Axes{0, 1});
  CHECK_THROWS_AS(normal_axes({}, "sum", {0, -3}, 3), Error);
  CHECK_THROWS_AS(normal_axes({}, "sum", {3}, 3), Error);
}

TEST_CASE("a rank above eight is refused") {
  Shape s{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK_THROWS_AS(s.push_back(9), Error);
  CHECK_THROWS_AS((Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}), Error);
}
