// A GPU as a user meets it: where tensors live, what errors say, what memory they take.
#include <cstdio>

#include "autograd/backend/machine.h"
#include "autograd/ops/random.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

bool there() {
  std::string missing;
  if (available(cuda, &missing)) return true;
  std::printf("skipped: no device cuda: %s\n", missing.c_str());
  return false;
}

struct OnCuda {
  Device before = default_device();
  OnCuda() { set_default_device(cuda); }
  ~OnCuda() { set_default_device(before); }
};

}  // namespace

TEST_CASE("tensors live where their options or the default device say") {
  if (!there()) return;
  CHECK(zeros({2}, {.device = cuda}).device() == cuda);
  const OnCuda scope;
  for (const Tensor& x : {zeros({2}), from({1, 2}), scalar(1), eye(2), arange(0, 3), indices({1, 2}), normal({2}, Key(1)),
                          permutation(3, Key(1)), integers(0, 3, {2}, Key(1))})
    CHECK(x.device() == cuda);
  CHECK(zeros({2}, {.device = cpu}).device() == cpu);
  CHECK(like(ones({1})).device == cuda);
}

TEST_CASE("values and gradients cross between the devices") {
  if (!there()) return;
  const Tensor x = draw({1000, 300}).requires_grad();
  const Tensor y = sum(square(x.to(cuda)) * 3);
  CHECK(y.device() == cuda);
  const Tensor g = grad(y, x);
  CHECK(g.device() == cpu);
  check_close(g, 6 * x.detach());
  check_close(transpose(x.detach()).to(cuda).to(cpu), transpose(x.detach()), 0);
}

TEST_CASE("an op refuses tensors of two devices and names them") {
  if (!there()) return;
  const std::string message = message_of([] { ones({2}, {.device = cpu}) + ones({2}, {.device = cuda}); });
  CHECK(contains(message, "cuda"));
  CHECK(contains(message, "cpu"));
}

TEST_CASE("what fails on the GPU names op, shapes and the user's line, and the next op works") {
  if (!there()) return;
  const OnCuda scope;
  const Tensor a = from({1, 2, 2, 1}, {2, 2});
  std::string message;
  const int line = __LINE__ + 2;
  try {
    cholesky(a);
  } catch (const Error& e) {
    message = e.what();
    CHECK(e.where().line == line);
  }
  CHECK(contains(message, "cholesky"));
  CHECK(contains(message, "[2, 2]"));
  CHECK(contains(message, "device.cpp"));
  CHECK_THROWS_AS(solve(zeros({3, 3}), ones({3, 1})), Error);
  check_close(matmul(a, a), {5, 4, 4, 5});
}

TEST_CASE("memory that is not there is an error with the numbers; nothing is lost by it") {
  if (!there()) return;
  const Tensor kept = ones({1000}, {.device = cuda});
  const int64_t live = memory(cuda).live;
  const std::string message = message_of([] { empty({int64_t{1} << 48}, {.device = cuda}); });
  CHECK(contains(message, "out of memory"));
  CHECK(contains(message, std::to_string(int64_t{1} << 50)));
  CHECK(contains(message, "device.cpp"));
  CHECK(memory(cuda).live == live);
  check_close(sum(kept), {1000});
}

TEST_CASE("the pool hands out again what was freed") {
  if (!there()) return;
  const int64_t live = memory(cuda).live;
  for (int i = 0; i < 20; ++i) empty({1 << 20}, {.device = cuda});
  CHECK(memory(cuda).live == live);
  reset_peak_memory(cuda);
  const int64_t pooled = memory(cuda).pooled;
  for (int i = 0; i < 20; ++i) empty({1 << 20}, {.device = cuda});
  CHECK(memory(cuda).pooled == pooled);
  CHECK(memory(cuda).peak == live + (4 << 20));
}

TEST_CASE("random numbers are the CPU's, bit for bit") {
  if (!there()) return;
  for (const DType t : {float32, float64})
    for (const uint64_t offset : {uint64_t{0}, uint64_t{3}, uint64_t{1} << 34}) {
      CHECK(normal({1001}, Key(5), {t, cuda}, offset).to_vector<double>() == normal({1001}, Key(5), {t, cpu}, offset).to_vector<double>());
      CHECK(uniform({1001}, Key(5), {t, cuda}, offset).to_vector<double>() ==
            uniform({1001}, Key(5), {t, cpu}, offset).to_vector<double>());
    }
}

TEST_CASE("TF32 and bfloat16 are asked for, and cost digits only then") {
  if (!there()) return;
  const Tensor a = draw({64, 64}, -1, 1, 1), b = draw({64, 64}, -1, 1, 2);
  const auto product = [&] { return matmul(a.to(float32).to(cuda), b.to(float32).to(cuda)).to(cpu).to(float64); };
  check_close(product(), matmul(a, b), 1e-5);
  set_matmul_precision(MatmulPrecision::tf32);
  check_close(product(), matmul(a, b), 64 * 0x1p-10);
  set_matmul_precision(MatmulPrecision::bf16);
  check_close(product(), matmul(a, b), 64 * 0x1p-7);
  set_matmul_precision(MatmulPrecision::full);
  check_close(matmul(a.to(cuda), b.to(cuda)).to(cpu), matmul(a, b), 1e-13);
}
