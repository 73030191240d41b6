// The block interpreter: every way an operand may lie in memory, and programs of many instructions against programs of one.
#include "cpu/kernels.h"

#include <cmath>
#include <cstring>

#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/cpu/programs.h"
#if SCOREGRAD_HAVE_OPENMP
#include <omp.h>
#endif

using namespace scoregrad;
using scoregrad::testing::Array;
using scoregrad::testing::operand_type;
using scoregrad::testing::result_type;
using scoregrad::testing::run_one;

namespace {

// The same numbers, contiguous.
Array dense(Array& a) {
  Array out(a.dtype, a.shape);
  for (int64_t i = 0; i < numel(a.shape); ++i) std::memcpy(out.element(i), a.element(i), size_of(a.dtype));
  return out;
}

bool same_bits(Array& a, Array& b) {
  for (int64_t i = 0; i < numel(a.shape); ++i)
    if (std::memcmp(a.element(i), b.element(i), size_of(a.dtype)) != 0) return false;
  return true;
}

// Views of one shape that differ in how they lie: 0 contiguous, 1 transposed, 2 every second element backwards, 3 one element repeated,
// 4 a row repeated, 5 a column repeated.
Array view(int kind, DType dtype, int64_t rows, int64_t columns) {
  const Shape s{rows, columns};
  switch (kind) {
    case 1:
      return Array(dtype, s, {1, rows}, 0, rows * columns);
    case 2:
      return Array(dtype, s, {-2 * columns, -2}, 2 * rows * columns, 2 * rows * columns + 1);
    case 3:
      return Array(dtype, s, {0, 0}, 1, 2);
    case 4:
      return Array(dtype, s, {0, 1}, 0, columns);
    case 5:
      return Array(dtype, s, {1, 0}, 0, rows);
    default:
      return Array(dtype, s);
  }
}

// r4 = exp(-(a * b + c)), r5 = a < r4, out0 = where(r5, b, r4), out1 = r4, out2 = r5, with a constant in between.
struct LongProgram {
  Immediate two{2.0, 2};
  Instr code[7] = {{Op::mul_, 4, 0, 1, 0}, {Op::add_, 5, 4, 2, 0}, {Op::neg_, 6, 5, 0, 0},   {Op::tanh_, 7, 6, 0, 0},
                   {Op::mul_, 8, 7, 3, 0}, {Op::lt_, 9, 0, 8, 0},  {Op::where_, 10, 9, 1, 8}};
  uint16_t results[3] = {10, 8, 9};
  Program program(DType dtype) const { return {dtype, 3, 1, &two, 7, code, 3, results}; }
};

}  // namespace

TEST_CASE("every row gives the same bits however its operands lie", "[elementwise]") {
  const int64_t columns = GENERATE(1, 2, 3, 4, 128, 700);
  const int64_t height = GENERATE(1, 2, 37);
  for (int k = 0; k < op_count; ++k) {
    const Op op = static_cast<Op>(k);
    const Row& r = row(op);
    for (DType dtype : {float32, float64, int64, boolean}) {
      if (!accepts(r.types, dtype)) continue;
      const int kind = (k + static_cast<int>(columns)) % 6, count = arity(r.form);
      INFO(r.name << " " << name_of(dtype) << " kind " << kind << " shape " << height << " " << columns);
      std::vector<Array> strided, packed;
      std::vector<Access> at, packed_at;
      for (int i = 0; i < count; ++i) {
        strided.push_back(view((kind + i) % 6, operand_type(op, i, dtype), height, columns));
        strided.back().draw(r.lo, r.hi, static_cast<unsigned>(100 * k + i));
        packed.push_back(dense(strided.back()));
      }
      for (int i = 0; i < count; ++i) {
        at.push_back(strided[static_cast<size_t>(i)].access());
        packed_at.push_back(packed[static_cast<size_t>(i)].access());
      }
      const Shape shape{height, columns};
      Array plain(result_type(op, dtype), shape), out(result_type(op, dtype), shape);
      Array turned = view(1 + k % 2, result_type(op, dtype), height, columns);
      run_one(op, dtype, shape, packed_at, plain.access());
      run_one(op, dtype, shape, at, out.access());
      run_one(op, dtype, shape, at, turned.access());
      REQUIRE(same_bits(plain, out));
      REQUIRE(same_bits(plain, turned));
    }
  }
}

TEST_CASE("a long program equals its instructions one by one, bit for bit", "[elementwise]") {
  const int64_t columns = GENERATE(1, 5, 256, 1500);
  const int first = GENERATE(0, 2, 5);
  const DType dtype = GENERATE(DType::float32, DType::float64);
  const Shape shape{21, columns};
  Array a = view(first, dtype, 21, columns), b = view(4, dtype, 21, columns), c = view(3, dtype, 21, columns);
  a.draw(-2, 2, 1), b.draw(-2, 2, 2), c.draw(-2, 2, 3);
  Array two = view(3, dtype, 21, columns), out0(dtype, shape), out1(dtype, shape), out2(boolean, shape);
  two.set(0, 2);
  const LongProgram l;
  Access in[] = {a.access(), b.access(), c.access()}, out[] = {out0.access(), out1.access(), out2.access()};
  on_cpu::run({}, calls::Elementwise{l.program(dtype), shape, in, out});

  Array r4(dtype, shape), r5(dtype, shape), r6(dtype, shape), r7(dtype, shape), r8(dtype, shape), r9(boolean, shape), r10(dtype, shape);
  run_one(Op::mul_, dtype, shape, {a.access(), b.access()}, r4.access());
  run_one(Op::add_, dtype, shape, {r4.access(), c.access()}, r5.access());
  run_one(Op::neg_, dtype, shape, {r5.access()}, r6.access());
  run_one(Op::tanh_, dtype, shape, {r6.access()}, r7.access());
  run_one(Op::mul_, dtype, shape, {r7.access(), two.access()}, r8.access());
  run_one(Op::lt_, dtype, shape, {a.access(), r8.access()}, r9.access());
  run_one(Op::where_, dtype, shape, {r9.access(), b.access(), r8.access()}, r10.access());
  REQUIRE(same_bits(out0, r10));
  REQUIRE(same_bits(out1, r8));
  REQUIRE(same_bits(out2, r9));
}

TEST_CASE("an output may be the memory of an input, also when later instructions read that input", "[elementwise]") {
  const int64_t n = GENERATE(7, 5000);
  Array x(float32, {n}), y(float32, {n});
  x.draw(-1, 1, 4);
  Array before = dense(x);
  // out0 = x + x in x's own memory, out1 = out0 * x with the old x.
  const Instr code[] = {{Op::add_, 1, 0, 0, 0}, {Op::mul_, 2, 1, 0, 0}};
  const uint16_t results[] = {1, 2};
  Access in = x.access(), out[] = {x.access(), y.access()};
  on_cpu::run({}, calls::Elementwise{{float32, 1, 0, nullptr, 2, code, 2, results}, Shape{n}, &in, out});
  for (int64_t i = 0; i < n; ++i) {
    const float old = static_cast<float>(before.get(i));
    REQUIRE(static_cast<float>(x.get(i)) == old + old);
    REQUIRE(static_cast<float>(y.get(i)) == (old + old) * old);
  }
}

TEST_CASE("an output may be the old value of an input whose memory another output takes, in either order, and two inputs may change places",
          "[elementwise]") {
  const int64_t n = GENERATE(7, 5000);
  const Instr code{Op::neg_, 1, 0, 0, 0};
  for (const bool first : {true, false}) {
    Array x(float32, {n}), y(float32, {n});
    x.draw(-1, 1, 7);
    Array before = dense(x);
    const uint16_t results[] = {static_cast<uint16_t>(first ? 1 : 0), static_cast<uint16_t>(first ? 0 : 1)};
    Access in = x.access(), out[] = {first ? x.access() : y.access(), first ? y.access() : x.access()};
    on_cpu::run({}, calls::Elementwise{{float32, 1, 0, nullptr, 1, &code, 2, results}, Shape{n}, &in, out});
    REQUIRE(same_bits(y, before));
    for (int64_t i = 0; i < n; ++i) REQUIRE(x.get(i) == -before.get(i));
  }
  Array a(float64, {n}), b(float64, {n});
  a.draw(-1, 1, 8), b.draw(-1, 1, 9);
  Array old_a = dense(a), old_b = dense(b);
  const uint16_t swapped[] = {1, 0};
  Access both[] = {a.access(), b.access()};
  on_cpu::run({}, calls::Elementwise{{float64, 2, 0, nullptr, 0, nullptr, 2, swapped}, Shape{n}, both, both});
  REQUIRE(same_bits(a, old_b));
  REQUIRE(same_bits(b, old_a));
}

TEST_CASE("a program may store an input, a constant, and one register twice", "[elementwise]") {
  const int64_t n = GENERATE(1, 600, 3000);
  Array x(float64, {n}), o0(float64, {n}), o1(float64, {n}), o2(float64, {n}), o3(float64, {n});
  x.draw(-1, 1, 5);
  const Immediate half{0.5, 0};
  const Instr code{Op::mul_, 2, 0, 1, 0};
  const uint16_t results[] = {2, 0, 1, 2};
  Access in = x.access(), out[] = {o0.access(), o1.access(), o2.access(), o3.access()};
  on_cpu::run({}, calls::Elementwise{{float64, 1, 1, &half, 1, &code, 4, results}, Shape{n}, &in, out});
  for (int64_t i = 0; i < n; ++i) {
    REQUIRE(o0.get(i) == 0.5 * x.get(i));
    REQUIRE(o1.get(i) == x.get(i));
    REQUIRE(o2.get(i) == 0.5);
    REQUIRE(o3.get(i) == o0.get(i));
  }
}

TEST_CASE("a program with hundreds of live registers keeps them apart", "[elementwise]") {
  const int64_t n = 1000;
  constexpr int length = 300;
  Array x(float32, {n}), y(float32, {n});
  x.draw(-1, 1, 6);
  // r1 = x + x, r2 = r1 + x, ...; then all are added up, last first, so that all live at once.
  std::vector<Instr> code;
  for (uint16_t k = 0; k < length; ++k) code.push_back({Op::add_, static_cast<uint16_t>(k + 1), k, 0, 0});
  uint16_t sum = length;
  for (uint16_t k = length - 1; k > 0; --k) {
    const uint16_t out = static_cast<uint16_t>(code.size() + 1);
    code.push_back({Op::add_, out, sum, k, 0});
    sum = out;
  }
  Access in = x.access(), out = y.access();
  on_cpu::run({}, calls::Elementwise{{float32, 1, 0, nullptr, static_cast<int>(code.size()), code.data(), 1, &sum}, Shape{n}, &in, &out});
  for (int64_t i = 0; i < n; ++i) {
    std::vector<float> r{static_cast<float>(x.get(i))};
    for (int k = 0; k < length; ++k) r.push_back(r.back() + r[0]);
    float s = r.back();
    for (size_t k = length - 1; k > 0; --k) s += r[k];
    REQUIRE(static_cast<float>(y.get(i)) == s);
  }
}

TEST_CASE("an empty shape runs nothing and a scalar shape one element", "[elementwise]") {
  Array x(float32, {1}), y(float32, {1});
  x.set(0, 3), y.set(0, -1);
  run_one(Op::square_, float32, {4, 0, 2}, {Access{x.data(), float32, {0, 2, 1}}}, Access{y.data(), float32, {0, 2, 1}});
  REQUIRE(y.get(0) == -1);
  run_one(Op::square_, float32, {}, {Access{x.data(), float32, {}}}, Access{y.data(), float32, {}});
  REQUIRE(y.get(0) == 9);
  run_one(Op::square_, float32, {1, 1}, {Access{x.data(), float32, {0, 0}}}, Access{y.data(), float32, {7, 9}});
  REQUIRE(y.get(0) == 9);
}

TEST_CASE("int64 arithmetic wraps and its mod has the sign of the divisor", "[elementwise]") {
  auto apply = [](Op op, int64_t a, int64_t b) {
    int64_t out = 99;
    run_one(op, int64, {1}, {Access{&a, int64, {1}}, Access{&b, int64, {1}}}, Access{&out, int64, {1}});
    return out;
  };
  const int64_t most = INT64_MAX, least = INT64_MIN;
  CHECK(apply(Op::mod_, 7, 3) == 1);
  CHECK(apply(Op::mod_, -7, 3) == 2);
  CHECK(apply(Op::mod_, 7, -3) == -2);
  CHECK(apply(Op::mod_, -7, -3) == -1);
  CHECK(apply(Op::mod_, -6, 3) == 0);
  CHECK(apply(Op::mod_, least, -1) == 0);
  CHECK(apply(Op::mod_, 5, 0) == 0);
  CHECK(apply(Op::add_, most, 1) == least);
  CHECK(apply(Op::sub_, least, 1) == most);
  CHECK(apply(Op::mul_, most, 2) == -2);
  CHECK(apply(Op::maximum_, most, least) == most);
  CHECK(apply(Op::minimum_, -2, 1) == -2);
}

#if SCOREGRAD_HAVE_OPENMP
TEST_CASE("results do not depend on the number of threads", "[elementwise]") {
  const int before = omp_get_max_threads();
  const int64_t height = 211, columns = 1000;
  const Shape shape{height, columns};
  Array a = view(1, float32, height, columns), b = view(4, float32, height, columns), c = view(5, float32, height, columns);
  a.draw(-2, 2, 1), b.draw(-2, 2, 2), c.draw(-2, 2, 3);
  const LongProgram l;
  std::vector<Array> first;
  for (int threads : {1, 2, 3, 8}) {
    omp_set_num_threads(threads);
    std::vector<Array> out{Array(float32, shape), Array(float32, shape), Array(boolean, shape)};
    Access in[] = {a.access(), b.access(), c.access()}, to[] = {out[0].access(), out[1].access(), out[2].access()};
    on_cpu::run({}, calls::Elementwise{l.program(float32), shape, in, to});
    if (first.empty()) first = out;
    for (size_t i = 0; i < 3; ++i) CHECK(same_bits(first[i], out[i]));
  }
  omp_set_num_threads(before);
}
#endif
