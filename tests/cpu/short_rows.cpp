// Operands with short, repeated or permuted rows give the elements that plain indexing gives.
#include "tests/catch.h"
#include "tests/cpu/arrays.h"
#include "tests/cpu/targets.h"

using namespace scoregrad;
using namespace scoregrad::arrays;

namespace {

// -x over `shape`, x read with `strides` from an origin that no negative stride leaves.
int64_t wrong_elements(const Shape& shape, const Strides& strides) {
  int64_t low = 0, high = 0;
  for (int d = 0; d < shape.rank; ++d) (strides[d] < 0 ? low : high) += (shape[d] - 1) * strides[d];
  std::vector<float> x(static_cast<size_t>(high - low + 1));  // not one element more: a read beyond would be seen
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  Array<float> out(shape);
  const Access in{x.data() - low, float32, strides}, to{out.view.data, float32, out.view.strides};
  const Instr code{Op::neg_, 1, 0, 0, 0};
  const uint16_t result = 1;
  cpu_backend().call({}, calls::Elementwise{{float32, 1, 0, nullptr, 1, &code, 1, &result}, shape, &in, &to});
  int64_t wrong = 0;
  for_each_index(shape, [&](const Dims& i) {
    int64_t at = -low;
    for (int d = 0; d < shape.rank; ++d) at += i[d] * strides[d];
    wrong += out.at(i) != -x[static_cast<size_t>(at)];
  });
  return wrong;
}

}  // namespace

TEST_CASE("an operand with short rows is read element by element as it lies, on every instruction set", "[short_rows]") {
  struct Case {
    Shape shape;
    Strides strides;
  };
  const Case cases[] = {
      {{1000, 5, 2}, {2, 0, 1}},             // a point against five means
      {{1001, 5}, {1, 0}},                   // a maximum per row
      {{700, 49}, {1, 0}},                   //
      {{700, 49}, {-1, 0}},                  //
      {{900, 3}, {4, 1}},                    // a slice
      {{900, 3}, {3, -1}},                   // turned round
      {{800, 2, 3}, {6, 1, 2}},              // permuted within
      {{40, 20, 784}, {20, 1, 0}},           // a bias per channel
      {{40, 20, 784}, {0, 1, 0}},            //
      {{50, 64, 7}, {0, 1, 0}},              // a period of 448
      {{30, 33, 3}, {99, 1, 33}},            // a step between the tiles, and a dimension around them
      {{3, 300, 5}, {1000, 3, 0}},           //
      {{600, 17}, {1, 0}},                   //
      {{300, 61}, {1, 0}},                   // a round of 61 registers
      {{2000, 3, 1, 2}, {2, 0, 5, 1}},       //
      {{13, 5, 2, 300, 2}, {0, 7, 0, 3, 1}}  //
  };
  testing::for_each_target([&](const char* target) {
    for (const Case& c : cases) {
      CAPTURE(target, to_string(c.shape), to_string(c.strides));
      CHECK(wrong_elements(c.shape, c.strides) == 0);
    }
  });
}

TEST_CASE("short rows beside an operand that repeats with a period, and rows over several threads", "[short_rows]") {
  const Shape shape{6000, 5, 2};
  const Array<float> mean = std::move(Array<float>({5, 2}).fill_random(1)), point = std::move(Array<float>({6000, 2}).fill_random(2));
  const Access in[2] = {{mean.view.data, float32, {0, 2, 1}}, {point.view.data, float32, {2, 0, 1}}};
  const Instr code{Op::sub_, 2, 0, 1, 0};
  const uint16_t result = 2;
  for (int threads : {1, 2, 3}) {
    if (omp_set_num_threads) omp_set_num_threads(threads);
    Array<float> out(shape);
    const Access to{out.view.data, float32, out.view.strides};
    cpu_backend().call({}, calls::Elementwise{{float32, 2, 0, nullptr, 1, &code, 1, &result}, shape, in, &to});
    int64_t wrong = 0;
    for_each_index(shape, [&](const Dims& i) { wrong += out.at(i) != mean.at({i[1], i[2]}) - point.at({i[0], i[2]}); });
    CHECK(wrong == 0);
  }
}
