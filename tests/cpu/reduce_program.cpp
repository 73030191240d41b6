// A reduction of a program has the bits of storing the program's values and reducing them.
#include <cstring>

#include "autograd/backend/contract.h"
#include "tests/catch.h"
#include "tests/cpu/programs.h"

using namespace scoregrad;
using namespace scoregrad::testing;

namespace {

// tanh(a * b) + a
constexpr Instr code[] = {{Op::mul_, 2, 0, 1, 0}, {Op::tanh_, 3, 2, 2, 2}, {Op::add_, 4, 3, 0, 0}};
constexpr uint16_t result = 4;

int64_t differing(DType t, Reduction kind, const Shape& shape, const Axes& axes, const Strides& second, bool transposed) {
  const Program program{t, 2, 0, nullptr, 3, code, 1, &result};
  Array a(t, shape), b(t, shape);
  a.draw(-1, 1, 1);
  b.draw(0.5, 1, 2);
  if (transposed) std::swap(a.strides[0], a.strides[1]), a.strides[0] = 1, a.strides[1] = shape[0];
  const Access inputs[2] = {a.access(), {b.data(), t, second}};
  Array values(t, shape);
  const Access to = values.access();
  cpu_backend().call({}, calls::Elementwise{program, shape, inputs, &to});
  Shape kept = shape;
  for (int64_t axis : axes) kept[static_cast<int>(axis)] = 1;
  Array want(t, kept), got(t, kept);
  const View want_view{want.data(), t, kept, want.strides}, got_view{got.data(), t, kept, got.strides};
  cpu_backend().call({}, calls::Reduce{kind, want_view, {values.data(), t, shape, values.strides}, axes});
  cpu_backend().call({}, calls::ReduceProgram{kind, got_view, program, shape, inputs, axes});
  int64_t wrong = 0;
  for (int64_t i = 0; i < numel(kept); ++i) wrong += std::memcmp(want.element(i), got.element(i), size_of(t)) != 0;
  return wrong;
}

}  // namespace

TEST_CASE("a reduced program is bit for bit the reduction of its stored values, whatever the shape and the layout") {
  const Shape shapes[] = {{7},       {70001},      {16384},    {3, 40000}, {500, 90},  {90, 500},
                          {6, 5000}, {40, 30, 40}, {1, 20000}, {5000, 7},  {130, 600}, {70, 6, 80}};
  for (DType t : {float32, float64})
    for (Reduction kind : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min})
      for (const Shape& shape : shapes) {
        std::vector<Axes> choices;
        for (int64_t d = 0; d < shape.rank; ++d) choices.push_back({d});
        if (shape.rank == 2) choices.push_back({0, 1});
        if (shape.rank == 3) choices.insert(choices.end(), {{0, 2}, {1, 2}, {0, 1, 2}});
        for (const Axes& axes : choices) {
          Strides row = contiguous_strides(shape), none = row;
          for (int d = 0; d < shape.rank; ++d) none[d] = 0;
          row[0] = shape.rank > 1 ? 0 : 1;  // the second operand as a row that repeats
          CAPTURE(static_cast<int>(kind), to_string(shape), to_string(axes));
          CHECK(differing(t, kind, shape, axes, contiguous_strides(shape), false) == 0);
          CHECK(differing(t, kind, shape, axes, row, false) == 0);
          CHECK(differing(t, kind, shape, axes, none, shape.rank == 2) == 0);
        }
      }
}
