// Sorting and running sums, line by line.
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

void check_sort(Dice& dice, const Twin& in, int axis) {
  for (bool descending : {false, true}) {
    const Twin values(dice, in.dtype(), in.shape()), indices(dice, int64, in.shape());
    on_both([&](const Backend& b, Side side) {
      b.call({}, calls::Sort{values.on(side), indices.on(side), in.on(side), axis, descending});
    });
    INFO("axis " << axis << (descending ? " descending" : " ascending"));
    REQUIRE(indices.difference() == "");
    REQUIRE(values.difference() == "");
  }
}

void check_cumsum(Dice& dice, const Twin& in, int axis) {
  const Twin out(dice, in.dtype(), in.shape());
  on_both([&](const Backend& b, Side side) { b.call({}, calls::CumSum{out.on(side), in.on(side), axis}); });
  INFO("axis " << axis);
  REQUIRE(out.difference() == "");
}

}  // namespace

TEST_CASE("sorting keeps the order of equals and puts NaN last, in any layout") {
  if (!device()) return;
  Dice dice(31);
  for (DType type : {float32, float64, int64, boolean}) {
    for (int n = trials(12); n > 0; --n) {
      const Twin in(dice, type, random_shape(dice, 1, 4, 2000), Layout::repeats, {-3, 3, dice.chance(0.5)});
      check_sort(dice, in, static_cast<int>(dice.below(in.shape().rank)));
    }
    for (int64_t length : {1, 2, 63, 64, 65, 1023, 1024, 1025, 5000}) {
      // Few different values, so that most are ties.
      check_sort(dice, Twin(dice, type, {2, length}, Layout::any, {-3, 3, false}), 1);
      Twin ties(dice, type, {length, 2}, Layout::any);
      for_each_index(ties.shape(), [&](const Dims& i) { ties.set(i, dice.of<double>({0.0, 1.0, -0.0, 2.0})); });
      ties.upload();
      check_sort(dice, ties, 0);
    }
  }
}

TEST_CASE("running sums have the reference's bits, in any layout") {
  if (!device()) return;
  Dice dice(32);
  for (DType type : {float32, float64, int64}) {
    for (int n = trials(15); n > 0; --n) {
      const Twin in(dice, type, random_shape(dice, 1, 5, 3000), Layout::repeats, {-3, 3, dice.chance(0.3)});
      check_cumsum(dice, in, static_cast<int>(dice.below(in.shape().rank)));
    }
    for (int64_t length : {1, 2, 255, 256, 257, 1024, 4097, 20000}) {
      check_cumsum(dice, Twin(dice, type, {3, length}, Layout::contiguous), 1);
      check_cumsum(dice, Twin(dice, type, {length, 3}, Layout::contiguous), 0);
    }
  }
  const Twin bools(dice, boolean, {4}), out(dice, boolean, {4});
  const auto [ours, theirs] = messages([&](const Backend& b, Side side) { b.call({}, calls::CumSum{out.on(side), bools.on(side), 0}); });
  CHECK(!ours.empty());
  CHECK(ours == theirs);
}
