// Reading and adding at positions that are data.
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

Twin positions(Dice& dice, const Shape& shape, int64_t extent) {
  return Twin(dice, int64, shape, Layout::repeats, {0, static_cast<double>(extent), false});
}

}  // namespace

TEST_CASE("gather and index_select read what the reference reads") {
  if (!device()) return;
  Dice dice(41);
  for (DType type : {float32, float64, int64, boolean})
    for (int n = trials(25); n > 0; --n) {
      const Twin in(dice, type, random_shape(dice, 1, 5, 2000), Layout::repeats, {-3, 3, true});
      const int axis = static_cast<int>(dice.below(in.shape().rank));
      if (in.shape()[axis] == 0) continue;
      Shape shape = in.shape();
      shape[axis] = dice.of<int64_t>({0, 1, 2, 9, 40});
      const Twin index = positions(dice, shape, in.shape()[axis]), line = positions(dice, {shape[axis]}, in.shape()[axis]);
      const Twin gathered(dice, type, shape), selected(dice, type, shape);
      on_both([&](const Backend& b, Side side) {
        b.call(Where::here(), calls::Gather{gathered.on(side), in.on(side), index.on(side), axis});
        b.call(Where::here(), calls::IndexSelect{selected.on(side), in.on(side), line.on(side), axis});
      });
      INFO("from " << to_string(in.shape()) << " along " << axis);
      REQUIRE(gathered.difference() == "");
      REQUIRE(selected.difference() == "");
    }
}

TEST_CASE("scatter_add and index_add add in the reference's order") {
  if (!device()) return;
  Dice dice(42);
  for (DType type : {float32, float64, int64})
    for (int n = trials(25); n > 0; --n) {
      const Shape to = random_shape(dice, 1, 5, 1000);
      const int axis = static_cast<int>(dice.below(to.rank));
      if (to[axis] == 0) continue;
      Shape shape = to;
      shape[axis] = dice.of<int64_t>({0, 1, 2, 9, 100});
      const Twin in(dice, type, shape, Layout::repeats, {-3, 3, dice.chance(0.2)});
      const Twin index = positions(dice, shape, to[axis]), line = positions(dice, {shape[axis]}, to[axis]);
      const Twin scattered(dice, type, to), added(dice, type, to);
      on_both([&](const Backend& b, Side side) {
        b.call(Where::here(), calls::ScatterAdd{scattered.on(side), index.on(side), in.on(side), axis});
        b.call(Where::here(), calls::IndexAdd{added.on(side), line.on(side), in.on(side), axis});
      });
      INFO("into " << to_string(to) << " along " << axis << " from " << to_string(shape));
      REQUIRE(scattered.difference() == "");
      REQUIRE(added.difference() == "");
    }
}

TEST_CASE("thousands of additions into few rows keep their order") {
  if (!device()) return;
  Dice dice(43);
  for (DType type : {float32, float64, int64})
    for (int64_t rows : {1, 5, 700}) {
      const Twin in(dice, type, {3000, 7}, Layout::contiguous), line = positions(dice, {3000}, rows), out(dice, type, {rows, 7});
      const Twin flat(dice, type, {3000}, Layout::contiguous), sums(dice, type, {rows});
      on_both([&](const Backend& b, Side side) {
        b.call(Where::here(), calls::IndexAdd{out.on(side), line.on(side), in.on(side), 0});
        b.call(Where::here(), calls::ScatterAdd{sums.on(side), line.on(side), flat.on(side), 0});
      });
      REQUIRE(out.difference() == "");
      REQUIRE(sums.difference() == "");
    }
}

TEST_CASE("an index out of range is the reference's error, and nothing is written") {
  if (!device()) return;
  Dice dice(44);
  for (int64_t bad : {int64_t{4}, int64_t{-1}, int64_t{1} << 62}) {
    const Twin in(dice, float32, {4, 3}), rows(dice, float32, {200, 3}), picked(dice, float32, {200, 3}), sums(dice, float32, {4, 3});
    Twin index = Twin(dice, int64, {200, 3}, Layout::any, {0, 4, false}), line = Twin(dice, int64, {200}, Layout::any, {0, 4, false});
    index.set({150, 2}, bad);
    line.set({199}, bad);
    index.upload();
    line.upload();
    const Where at = Where::here();
    const auto check = [&](auto&& call) {
      const auto [ours, theirs] = messages(call);
      CHECK(!ours.empty());
      CHECK(ours == theirs);
    };
    check([&](const Backend& b, Side side) { b.call(at, calls::Gather{picked.on(side), in.on(side), index.on(side), 0}); });
    check([&](const Backend& b, Side side) { b.call(at, calls::IndexSelect{picked.on(side), in.on(side), line.on(side), 0}); });
    check([&](const Backend& b, Side side) { b.call(at, calls::ScatterAdd{sums.on(side), index.on(side), rows.on(side), 0}); });
    check([&](const Backend& b, Side side) { b.call(at, calls::IndexAdd{sums.on(side), line.on(side), rows.on(side), 0}); });
    CHECK(picked.difference() == "");
    CHECK(sums.difference() == "");
  }
  const Twin bools(dice, boolean, {3}), none(dice, boolean, {3}), index = positions(dice, {3}, 3);
  const auto [ours, theirs] = messages([&](const Backend& b, Side side) {
    b.call(Where::here(), calls::IndexAdd{none.on(side), index.on(side), bools.on(side), 0});
  });
  CHECK(!ours.empty());
  CHECK(!theirs.empty());
}
