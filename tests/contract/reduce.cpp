// Reductions: one tree on every device, whatever the layout and however many elements go into one result.
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

constexpr Reduction kinds[] = {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min, Reduction::argmax, Reduction::argmin};
constexpr DType types[] = {DType::float32, DType::float64, DType::int64, DType::boolean};

bool picks_position(Reduction kind) { return kind == Reduction::argmax || kind == Reduction::argmin; }

void check(Dice& dice, Reduction kind, const Twin& in, const Axes& axes) {
  Shape shape = in.shape();
  int64_t elements = 1;
  for (int64_t a : axes) {
    elements *= shape[static_cast<int>(a)];
    shape[static_cast<int>(a)] = 1;
  }
  if (kind == Reduction::sum && in.dtype() == DType::boolean) return;
  if (elements == 0 && kind != Reduction::sum && kind != Reduction::prod) return;  // an error, below
  const Twin out(dice, picks_position(kind) ? DType::int64 : in.dtype(), shape);
  on_both([&](const Backend& b, Side side) { b.call({}, calls::Reduce{kind, out.on(side), in.on(side), axes}); });
  INFO("kind " << static_cast<int>(kind) << " of " << name_of(in.dtype()) << " " << to_string(in.shape()) << " strides "
               << to_string(in.on(Side::reference).strides) << " over " << to_string(axes));
  REQUIRE(out.difference() == "");
}

void check_all_kinds(Dice& dice, const Twin& in, const Axes& axes) {
  for (Reduction kind : kinds)
    if (!picks_position(kind) || axes.rank == 1) check(dice, kind, in, axes);
}

// Close to 1, so that products of thousands neither vanish nor overflow; a tenth of the time with NaN, infinities and signed zeros.
Range range_for(Dice& dice, DType dtype) {
  if (dtype == DType::int64) return {-5, 6, dice.chance(0.3)};
  return {0.97, 1.03, dice.chance(0.2)};
}

}  // namespace

TEST_CASE("rows, columns and blocks of every length reduce to the reference's bits") {
  if (!device()) return;
  Dice dice(21);
  for (DType type : types)
    for (int64_t k : {1, 2, 31, 33, 63, 64, 65, 127, 500, 4095, 4096, 4097, 9000}) {
      const int64_t others = k > 1000 ? 3 : 37;
      check_all_kinds(dice, Twin(dice, type, {others, k}, Layout::contiguous, range_for(dice, type)), {1});
      check_all_kinds(dice, Twin(dice, type, {k, others}, Layout::contiguous, range_for(dice, type)), {0});
      check_all_kinds(dice, Twin(dice, type, {2, k, 3}, Layout::any, range_for(dice, type)), {1});
    }
}

TEST_CASE("one result from a hundred thousand elements has the reference's bits") {
  if (!device()) return;
  Dice dice(22);
  for (DType type : types) {
    check_all_kinds(dice, Twin(dice, type, {100003}, Layout::contiguous, {-1, 1, false}), {0});
    check_all_kinds(dice, Twin(dice, type, {7, 11, 1009}, Layout::any, {-1, 1, false}), {0, 1, 2});
    check_all_kinds(dice, Twin(dice, type, {300, 2, 160}, Layout::contiguous, {-1, 1, false}), {0, 2});
  }
}

TEST_CASE("any axes of any layout reduce to the reference's bits") {
  if (!device()) return;
  Dice dice(23);
  for (int n = trials(40); n > 0; --n)
    for (DType type : types) {
      const Twin in(dice, type, random_shape(dice, 1, 6, 6000), Layout::repeats, range_for(dice, type));
      Axes axes;
      for (int d = 0; d < in.shape().rank; ++d)
        if (dice.chance(0.5)) axes.push_back(d);
      if (axes.rank == 0) axes.push_back(dice.below(in.shape().rank));
      check_all_kinds(dice, in, axes);
    }
}

TEST_CASE("of equal elements, NaN and signed zeros a reduction takes the one the reference takes") {
  if (!device()) return;
  Dice dice(24);
  for (int n = trials(10); n > 0; --n)
    for (DType type : {float32, float64, int64}) {
      Twin in(dice, type, {5, 1 + dice.below(300)}, Layout::any, {-2, 2, false});
      for_each_index(in.shape(), [&](const Dims& i) {
        in.set(i, dice.of<double>({0.0, -0.0, 1.0, 1.0, -1.0, type == DType::int64 || dice.chance(0.9) ? 0.0 : double(NAN)}));
      });
      in.upload();
      for (Reduction kind : kinds) {
        check(dice, kind, in, {1});
        check(dice, kind, in, {0});
      }
    }
}

TEST_CASE("nothing to reduce is 0, 1 or the reference's error") {
  if (!device()) return;
  Dice dice(25);
  for (DType type : types) {
    const Twin in(dice, type, {3, 0, 2}), out(dice, type, {3, 1, 2}), at(dice, int64, {3, 1, 2});
    check_all_kinds(dice, in, {1});
    check_all_kinds(dice, in, {0});
    for (Reduction kind : kinds) {
      const bool fails = (kind != Reduction::sum && kind != Reduction::prod) || (kind == Reduction::sum && type == DType::boolean);
      const auto [ours, theirs] = messages([&](const Backend& b, Side side) {
        b.call({}, calls::Reduce{kind, (picks_position(kind) ? at : out).on(side), in.on(side), {1}});
      });
      CHECK(ours.empty() != fails);
      CHECK(ours == theirs);
    }
  }
}
