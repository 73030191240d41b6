// Each pass on a small step, by what its list shows.
#include <sstream>

#include "autograd/compile/compile.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"

using namespace scoregrad;

namespace {

int lines_with(const std::string& text, const std::string& part) {
  std::istringstream in(text);
  int n = 0;
  for (std::string line; std::getline(in, line);) n += line.find(part) != std::string::npos;
  return n;
}

template <class F>
CompiledStep recorded(F f) {
  CompiledStep step(f);
  for (int call = 0; call < 3; ++call) step({full({4, 3}, 1 + call), full({3}, 2)});
  return step;
}

}  // namespace

TEST_CASE("what nobody reads is dropped and equal calls are merged") {
  const CompiledStep step = recorded([](const Tensors& x) {
    const Tensor unused = exp(x[0]);
    return Tensors{tanh(x[0]) + tanh(x[0])};
  });
  CHECK(lines_with(step.show(Pass::recorded), "exp") == 1);
  CHECK(lines_with(step.show(Pass::recorded), "tanh") == 2);
  CHECK(lines_with(step.show(Pass::merged), "exp") == 0);
  CHECK(lines_with(step.show(Pass::merged), "tanh") == 1);
}

TEST_CASE("a tensor that is written between two equal calls keeps them apart") {
  const Tensor state = ones({4, 3});
  const CompiledStep step = recorded([&](const Tensors& x) {
    const Tensor before = tanh(state);
    add_(state, x[0]);
    return Tensors{before + tanh(state)};
  });
  CHECK(lines_with(step.show(Pass::merged), "tanh") == 2);
}

TEST_CASE("what depends on no argument and no state is computed once") {
  const CompiledStep step = recorded([](const Tensors& x) { return Tensors{x[0] + sin(from({1, 2, 3}))}; });
  // The three numbers as float64, as float32, and their sines; a GPU is sent those of float32.
  const int once = default_device() == cpu ? 3 : 2;
  CHECK(lines_with(step.show(Pass::folded), "once") == once);
  CHECK(lines_with(step.show(Pass::fused), "once") == once);
}

TEST_CASE("a chain over one shape is one program, broadcasts and numbers included") {
  const CompiledStep step = recorded([](const Tensors& x) {
    const Tensor y = tanh(x[0] * x[1] + 0.5);
    return Tensors{y * exp(x[0])};
  });
  CHECK(lines_with(step.show(Pass::merged), " = ") == 5);
  CHECK(lines_with(step.show(Pass::fused), " = ") == 1);
  CHECK(lines_with(step.show(Pass::fused), "mul add tanh exp mul") == 1);
}

TEST_CASE("a reduction takes in the chain before it where the device computes both in one pass") {
  const bool one_pass = ones({1}).backend().has<calls::ReduceProgram>();
  const CompiledStep step = recorded([](const Tensors& x) { return Tensors{sum(tanh(x[0] * x[1] + 0.5), {1})}; });
  CHECK(lines_with(step.show(Pass::fused), " = ") == (one_pass ? 1 : 2));
  CHECK(lines_with(step.show(Pass::fused), "tanh") == 1);

  // Not where somebody else reads the chain's values, or overwrites what it reads before they are summed.
  const CompiledStep read_twice = recorded([](const Tensors& x) {
    const Tensor y = tanh(x[0]);
    return Tensors{sum(y, {1}), cumsum(y, 0)};
  });
  CHECK(lines_with(read_twice.show(Pass::fused), " = ") == 3);
}

TEST_CASE("fusion keeps the order of reads and writes through transposed views") {
  const Tensor state = full({3, 3}, 1);
  auto eager_state = full({3, 3}, 1);
  const auto body = [](const Tensor& s, const Tensor& x) {
    const Tensor y = s + x;        // reads s
    copy_(s, transpose(y) * 0.5);  // writes s from another layout of y
    add_(s, y);
    return transpose(s) + y;
  };
  auto step = compile([&](const Tensor& x) { return body(state, x); });
  for (int call = 0; call < 5; ++call) {
    const Tensor x = from({1, 2, 3, 4, 5, 6, 7, 8, 9.0 + call}, Shape{3, 3});
    CHECK(step(x).to_vector<float>() == body(eager_state, x).to_vector<float>());
    CHECK(state.to_vector<float>() == eager_state.to_vector<float>());
  }
}

TEST_CASE("temporaries whose lives do not overlap share memory") {
  const CompiledStep step = recorded([](const Tensors& x) {
    Tensor y = x[0];
    for (int i = 0; i < 20; ++i) y = matmul(matmul(y, transpose(x[0])), x[0]);
    return Tensors{y};
  });
  CHECK(step.held_bytes() <= 4 * 64);  // of 40 results at most three are alive at a time
}
