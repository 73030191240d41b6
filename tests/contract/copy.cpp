// Copies, casts and fills.
#include <cmath>

#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

constexpr DType types[] = {DType::float32, DType::float64, DType::int64, DType::boolean};

void check_copy(Dice& dice, DType to, DType from, const Shape& shape, Layout layout) {
  const Twin in(dice, from, shape, layout, {-300, 300, true}), out(dice, to, shape, layout == Layout::contiguous ? layout : Layout::any);
  on_both([&](const Backend& b, Side side) { b.call({}, calls::Copy{out.on(side), in.on(side)}); });
  INFO(name_of(from) << " to " << name_of(to));
  REQUIRE(out.difference() == "");
}

}  // namespace

TEST_CASE("copies cast as the reference does, at the edges of every type too") {
  if (!device()) return;
  Dice dice(11);
  for (DType to : types)
    for (DType from : types) {
      check_copy(dice, to, from, {2077}, Layout::contiguous);
      for (int n = trials(6); n > 0; --n) check_copy(dice, to, from, random_shape(dice, 0, 8, 3000), Layout::repeats);
    }
}

TEST_CASE("transpositions of every size move every element") {
  if (!device()) return;
  Dice dice(12);
  for (DType type : types)
    for (const Shape& shape : {Shape{70, 130}, Shape{33, 65, 17}, Shape{3, 32, 32}, Shape{1, 200}, Shape{257, 3}, Shape{5, 64, 31, 2},
                               Shape{2, 33, 2, 3, 37}, Shape{900, 7}}) {
      // The input's last two axes exchanged, or its first and last.
      for (const int other : {shape.rank - 2, 0}) {
        Shape turned = shape;
        std::swap(turned[other], turned[shape.rank - 1]);
        const Twin in(dice, type, turned, Layout::contiguous), out(dice, type, shape, Layout::contiguous);
        on_both([&](const Backend& b, Side side) {
          View from = in.on(side);
          std::swap(from.shape[other], from.shape[shape.rank - 1]);
          std::swap(from.strides[other], from.strides[shape.rank - 1]);
          b.call({}, calls::Copy{out.on(side), from});
        });
        REQUIRE(out.difference() == "");
      }
    }
}

TEST_CASE("fills write the constant and nothing beside it") {
  if (!device()) return;
  Dice dice(13);
  for (DType type : types)
    for (Immediate value : {Immediate{0, 0}, Immediate{-0.0, 1}, Immediate{0.1, -7}, Immediate{1e300, INT64_MIN},
                            Immediate{std::numeric_limits<double>::quiet_NaN(), 256}}) {
      for (int n = trials(5); n > 0; --n) {
        const Twin out(dice, type, random_shape(dice, 0, 5, 3000));
        on_both([&](const Backend& b, Side side) { b.call({}, calls::Fill{out.on(side), value}); });
        REQUIRE(out.difference() == "");
      }
    }
}
