// What generated kernels look like, and which loops they are given.
#include <cmath>
#include <string>

#include "cuda/nest.h"
#include "cuda/source.h"
#include "tests/catch.h"
#include "tests/cuda/generated/programs.h"

using namespace scoregrad;
using namespace scoregrad::on_cuda;
using namespace scoregrad::generated;

TEST_CASE("a chain is one kernel of table rows, and a repeated operand is loaded once") {
  // tanh(a x + b) with a repeated: registers a, x, b, then the results.
  const Recipe r{float32, {float32, float32, float32}, {}, {{Op::mul_, 3, 0, 1, 0}, {Op::add_, 4, 3, 2, 0}, {Op::tanh_, 5, 4, 0, 0}}, {5}};
  const auto inputs = r.accesses();
  CHECK(elementwise_text("example", {r.program(), inputs.data(), nullptr}, {4, true, false, "svvv"}) == R"(#include "cuda/pack.h"

namespace scoregrad::on_cuda::text_of_example {

using namespace device;

struct Arguments {
  int64_t elements;
  Number number[1];
  void* data[4];
};

template <int W>
struct Results {
  Pack<float, W> y0;
};

template <int W>
__device__ Results<W> compute(const Arguments& p, const int64_t* at, int n) {
  const Pack<float, W> x0 = repeat<float, W>(p.data[0], at[0]);
  const Pack<float, W> x1 = load<float, W>(p.data[1], at[1], n);
  const Pack<float, W> x2 = load<float, W>(p.data[2], at[2], n);
  Results<W> y;
#pragma unroll
  for (int k = 0; k < W; ++k) {
    const float r0 = x0.at[k];
    const float r1 = x1.at[k];
    const float r2 = x2.at[k];
    const float r3 = row_mul(r0, r1);
    const float r4 = row_add(r3, r2);
    const float r5 = row_tanh(r4);
    y.y0.at[k] = r5;
  }
  return y;
}

extern "C" __global__ void __launch_bounds__(256) example(const Arguments p) {
  for (int64_t i = 4 * first_item(); i < p.elements; i += 4 * all_items()) {
    const int64_t at[] = {0, i, i, i};
    const int n = p.elements - i < 4 ? static_cast<int>(p.elements - i) : 4;
    const Results<4> y = compute<4>(p, at, n);
    store(p.data[3], at[3], y.y0, n);
  }
}

}  // namespace
)");
}

TEST_CASE("constants are arguments, so that a program is compiled once for all of them") {
  Recipe r{float64, {float64}, {{0.5, 0}}, {{Op::mul_, 2, 0, 1, 0}}, {2}};
  const auto inputs = r.accesses();
  const auto text = [&] { return elementwise_text("k", {r.program(), inputs.data(), nullptr}, {2, true, false, "vv"}); };
  const std::string half = text();
  r.immediates[0].f = 0.25;
  CHECK(half == text());
}

TEST_CASE("an operand that no instruction reads is not loaded") {
  const Recipe r{float32, {float32, float32}, {}, {{Op::exp_, 2, 1, 0, 0}}, {2}};
  const auto inputs = r.accesses();
  const std::string text = elementwise_text("k", {r.program(), inputs.data(), nullptr}, {4, true, false, "vvv"});
  CHECK(text.find("p.data[0]") == std::string::npos);
  CHECK(text.find("p.data[1]") != std::string::npos);
}

TEST_CASE("operands that lie alike share their offsets") {
  const Recipe r{float32, {float32, float32}, {}, {{Op::add_, 2, 0, 1, 0}, {Op::mul_, 3, 0, 1, 0}}, {2, 3}};
  const auto inputs = r.accesses();
  const std::string text = elementwise_text("k", {r.program(), inputs.data(), nullptr}, {1, false, false, "vvvv", {0, 1, 0, 0}});
  CHECK(text.find("int64_t stride[2][most_dims];") != std::string::npos);
  CHECK(text.find("const int64_t at[] = {walk[0], walk[1], walk[0], walk[0]};") != std::string::npos);
}

TEST_CASE("a nest has as few dimensions as its operands allow") {
  const Strides whole{20, 5, 1}, turned{1, 4, 12}, row{0, 0, 1};
  const Strides* same[] = {&whole, &whole};
  Nest nest = nest_of({3, 4, 5}, same, 2, 0);
  CHECK(nest.rank == 1);
  CHECK(nest.extent[0] == 60);
  CHECK(nest.at(1, 0) == 1);

  const Strides* repeated[] = {&whole, &row};
  nest = nest_of({3, 4, 5}, repeated, 2, 0);
  REQUIRE(nest.rank == 2);
  CHECK(nest.extent[0] == 12);
  CHECK(nest.at(0, 0) == 5);
  CHECK(nest.at(1, 0) == 0);
  CHECK(nest.at(1, 1) == 1);

  const Strides turned_whole{1, 3, 12};
  const Strides* led[] = {&turned_whole};  // walked as it lies
  nest = nest_of({3, 4, 5}, led, 1, 0);
  CHECK(nest.rank == 1);
  CHECK(nest.at(0, 0) == 1);
  const Strides* ordered[] = {&turned};
  CHECK(nest_of({3, 4, 5}, ordered, 1, -1).rank == 3);
  CHECK(nest_of({1, 1}, same, 2, 0).rank == 0);
  CHECK(nest_of({1, 1}, same, 2, 0).count() == 1);
}

TEST_CASE("offsets of a loop equal those of plain index arithmetic, in 32 bits and in 64") {
  const Shape shape{3, 5, 7, 2};
  const Strides a{-70, 14, 2, 1}, b{1, 0, 30, -3};
  const Loop<2> loop = loop_of<2>(shape, {&a, &b}, -1);
  Loop<2> wide = loop;
  wide.extents.wide = 1;
  for (int64_t i = 0; i < numel(shape); ++i) {
    const int64_t k[] = {i / 70, i / 14 % 5, i / 2 % 7, i % 2};
    int64_t expected[2] = {}, at[2], at_wide[2];
    for (int d = 0; d < 4; ++d) expected[0] += k[d] * a[d], expected[1] += k[d] * b[d];
    loop.offsets(i, at);
    wide.offsets(i, at_wide);
    for (int n = 0; n < 2; ++n) {
      REQUIRE(at[n] == expected[n]);
      REQUIRE(at_wide[n] == expected[n]);
    }
  }
}

TEST_CASE("division by multiplication is exact") {
  std::vector<uint32_t> numbers = {1, 2, 3, 5, 7, 10, 641, 65535, 65536, 65537, 6700417, 1u << 30, 2147483646, 2147483647};
  for (uint32_t k = 0; k < 200; ++k) numbers.push_back(1 + (k * 2654435761u >> 1) % 2147483647u);
  for (const uint32_t d : numbers) {
    const Divisor by(d);
    for (const uint32_t n : numbers)
      for (const uint32_t m : {n - 1, n, n / d * d, n / d * d + d - 1})
        if (m < 1u << 31) REQUIRE(by.quotient(m) == m / d);
    REQUIRE(by.quotient(0) == 0);
  }
}
