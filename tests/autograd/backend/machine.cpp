#include "autograd/backend/machine.h"

#include "autograd/tensor/create.h"
#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;

TEST_CASE("memory in use can be asked for: live, and the peak since it was reset") {
  const int64_t before = memory().live;
  reset_peak_memory();
  {
    const Tensor x = zeros({1000}, {float64});
    CHECK(memory().live >= before + 8000);
    CHECK(memory().live < before + 9000);  // the handle has its place in the pool too
  }
  CHECK(memory().live == before);
  CHECK(memory().peak >= before + 8000);
  CHECK(memory().peak < before + 9000);
  reset_peak_memory();
  CHECK(memory().peak == before);
  if (!available(cuda)) CHECK_THROWS_AS(memory(cuda), Error);
}

TEST_CASE("the number of threads can be asked for and set") {
  const int before = threads();
  set_threads(3);
  CHECK(threads() == (SCOREGRAD_HAVE_OPENMP ? 3 : 1));
  set_threads(before);
  CHECK(threads() == before);
  CHECK_THROWS_AS(set_threads(0), Error);
}

TEST_CASE("a device that is not there is an error that says what is missing, and the CPU goes on") {
  std::string missing;
  CHECK(available(cpu, &missing));
  CHECK(missing.empty());
  if (!available(cuda, &missing)) {
    CHECK(missing.find("device cuda: ") == 0);
    CHECK(missing.size() > 20);
    CHECK_THROWS_AS(zeros({2}, {.device = cuda}), Error);
  }
  CHECK(ones({2}).numel() == 2);
}

TEST_CASE("a device's name leads back to it, and a name that no device has is an error that lists them") {
  for (const Device d : devices) CHECK(device_named(name_of(d)) == d);
  CHECK(device_names().size() == static_cast<size_t>(device_count));
  const std::string message = message_of([] { device_named("abacus"); });
  CHECK(message.find("'abacus'") != std::string::npos);
  for (const std::string& name : device_names()) CHECK(message.find(name) != std::string::npos);
}

TEST_CASE("the precision of matrix products is full until somebody asks for less") {
  CHECK(matmul_precision() == MatmulPrecision::full);
  set_matmul_precision(MatmulPrecision::tf32);
  CHECK(matmul_precision() == MatmulPrecision::tf32);
  set_matmul_precision(MatmulPrecision::full);
}
