// Reductions of programs, in one pass.
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

/// maximum(a b + 1/2, -a) and, for argmax, the same.
void check(Dice& dice, Reduction kind, DType dtype, const Shape& shape, const Axes& axes, Layout layout) {
  const Immediate half{0.5, 2};
  const Instr code[] = {{Op::mul_, 3, 0, 1, 0}, {Op::add_, 4, 3, 2, 0}, {Op::neg_, 5, 0, 0, 0}, {Op::maximum_, 6, 4, 5, 0}};
  const uint16_t result = 6;
  const Program program{dtype, 2, 1, &half, 4, code, 1, &result};
  const Twin a(dice, dtype, shape, layout), b(dice, dtype, shape, layout);
  Shape small = shape;
  for (const int64_t d : axes) small[static_cast<int>(d)] = 1;
  const bool position = kind == Reduction::argmax || kind == Reduction::argmin;
  const Twin out(dice, position ? int64 : dtype, small);
  on_both([&](const Backend& on, Side side) {
    const Access inputs[] = {a.access(side), b.access(side)};
    on.call({}, calls::ReduceProgram{kind, out.on(side), program, shape, inputs, axes});
  });
  INFO("kind " << static_cast<int>(kind) << " " << name_of(dtype) << " " << to_string(shape) << " axes " << to_string(axes));
  REQUIRE(out.difference() == "");
}

}  // namespace

TEST_CASE("a program and its reduction in one pass give the reference's bits") {
  if (!device() || !device()->has<calls::ReduceProgram>()) return;
  Dice dice(11);
  for (const DType dtype : {float32, float64, int64}) {
    for (const Layout layout : {Layout::contiguous, Layout::repeats}) {
      for (const Shape& shape : {Shape{9000}, Shape{1}, Shape{3, 4100}, Shape{70, 128}, Shape{128, 70}, Shape{4100, 3}, Shape{6, 5, 68}})
        for (int d = 0; d < shape.rank; ++d) check(dice, Reduction::sum, dtype, shape, {d}, layout);
      check(dice, Reduction::sum, dtype, {6, 5, 68}, {0, 2}, layout);
      check(dice, Reduction::sum, dtype, {60, 200}, {0, 1}, layout);
      check(dice, Reduction::max, dtype, {60, 200}, {1}, layout);
      check(dice, Reduction::argmax, dtype, {60, 200}, {1}, layout);
    }
  }
}
