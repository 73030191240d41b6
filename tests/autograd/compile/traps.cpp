// What a compiled step refuses, with the line to mend, and what it must not forget.
#include <functional>
#include <thread>

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "autograd/tensor/print.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

const Options f64{.dtype = float64};
Tensor ramp() { return from({1, 2, 3}, f64); }

// The message of the error among the first calls of a step; "" if there is none.
std::string refusal(const std::function<Tensors(const Tensors&)>& f) {
  CompiledStep step(f);
  try {
    for (int call = 0; call < 5; ++call) step({ramp()});
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a number of the host that changes is named with its op and line, in place of being frozen") {
  double rate = 1;
  const int line = __LINE__ + 1;
  const std::string e = refusal([&](const Tensors& x) { return Tensors{x[0] * (rate *= 0.5)}; });
  CHECK(contains(e, "a number of the host changed from 0.25 to 0.125"));
  CHECK(contains(e, "mul"));
  CHECK(contains(e, "traps.cpp:" + std::to_string(line)));
}

TEST_CASE("another branch, another number of calls and other host data are refused") {
  int calls = 0;
  CHECK(contains(refusal([&](const Tensors& x) { return Tensors{++calls % 2 ? tanh(x[0]) : sin(x[0])}; }), "another branch was taken"));
  CHECK(contains(refusal([&](const Tensors& x) { return Tensors{++calls % 2 ? x[0] + 1 : x[0] + 1 + 1}; }), "one step made"));
  CHECK(contains(refusal([&](const Tensors& x) {
                   return Tensors{x[0] + from({1, 2, static_cast<double>(++calls)}, f64)};
                 }),
                 "data of the host changed"));
  CHECK(contains(refusal([&](const Tensors& x) { return Tensors{x[0] + normal({3}, Key(static_cast<uint64_t>(++calls)), f64)}; }),
                 "key of its random numbers changed"));
}

TEST_CASE("reading a value on the host inside a step is refused at the user's line") {
  const int line = __LINE__ + 1;
  const std::string e = refusal([](const Tensors& x) { return Tensors{x[0] * sum(x[0]).item()}; });
  CHECK(contains(e, "read on the host"));
  CHECK(contains(e, "traps.cpp:" + std::to_string(line)));
  CHECK(contains(refusal([](const Tensors& x) { return to_string(x[0]).empty() ? Tensors{} : Tensors{x[0] + 1}; }), "read on the host"));
}

TEST_CASE("a captured handle that is assigned a new tensor is refused: a replay would not renew it") {
  Tensor average = ramp();
  CHECK(contains(refusal([&](const Tensors& x) {
                   average = 0.5 * average + x[0];
                   return Tensors{average + 1};
                 }),
                 "outlives it without being returned"));
}

TEST_CASE("a result with a history is refused") {
  const Tensor w = ramp().requires_grad();
  CHECK(contains(refusal([&](const Tensors& x) { return Tensors{x[0] * w}; }), "part of a recorded computation"));
}

TEST_CASE("no step is applied twice and no state is lost on the way from eager to replay") {
  const Tensor counter = zeros({3}, f64), total = zeros({3}, f64);
  auto step = compile([&](const Tensor& x) {
    add_(counter, 1);
    add_(total, x * counter);
    return total * 2;
  });
  double want = 0;
  for (int call = 1; call <= 7; ++call) {
    const double x = 0.25 * call;
    want += x * call;
    CHECK(apart(step(full({3}, x, f64)), full({3}, 2 * want, f64)) < 1e-15);
  }
  CHECK(step.step().replays({full({3}, 0, f64)}));
  CHECK(apart(counter, full({3}, 7, f64)) == 0);
}

TEST_CASE("results are fresh: the next step leaves them alone") {
  auto step = compile([](const Tensor& x) { return x + 1; });
  Tensors results;
  for (int call = 0; call < 5; ++call) results.push_back(step(full({3}, call, f64)));
  for (int call = 0; call < 5; ++call) CHECK(apart(results[static_cast<size_t>(call)], full({3}, call + 1, f64)) == 0);
}

TEST_CASE("each layout of the arguments is a program of its own, and arguments that share memory are another") {
  auto step = compile([](const Tensor& a, const Tensor& b) {
    add_(a, 1);
    return a * b;
  });
  for (int call = 0; call < 4; ++call) {
    for (int64_t n : {2, 3}) CHECK(apart(step(full({n}, 1, f64), full({n}, 3, f64)), full({n}, 6, f64)) == 0);
    const Tensor both = full({3}, 1, f64);
    CHECK(apart(step(both, both), full({3}, 4, f64)) == 0);
  }
}

TEST_CASE("a step that writes a tensor counts the write: a saved value that it overwrote is refused in the next sweep") {
  const Tensor p = ramp();
  auto step = compile([&](const Tensor& x) { add_(p, x); });
  for (int call = 0; call < 3; ++call) step(ramp());
  const Tensor x = ramp().requires_grad();
  const Tensor y = sum(x * p);
  step(ramp());
  CHECK_THROWS_AS(grad(y, x), Error);
}

TEST_CASE("an audit finds what two recordings did not show") {
  int calls = 0;
  CompiledStep step([&](const Tensors& x) { return Tensors{x[0] * (++calls > 3 ? 2.0 : 1.0)}; }, {.audit_every = 5});
  for (int call = 0; call < 5; ++call) step({ramp()});
  CHECK_THROWS_AS(step({ramp()}), Error);
}

TEST_CASE("a step inside a compiled step becomes part of it") {
  auto inner = compile([](const Tensor& x) { return tanh(x) * 2; });
  auto outer = compile([&](const Tensor& x) { return inner(x) + 1; });
  for (int call = 0; call < 5; ++call) CHECK(apart(outer(ramp()), tanh(ramp()) * 2 + 1) == 0);
}

TEST_CASE("a checkpoint keeps its saving: what it computes again is not merged with the first time") {
  const Tensor w = full({64, 64}, 0.01, f64).requires_grad();
  const auto layer = [&](const Tensor& h) { return tanh(matmul(tanh(matmul(tanh(matmul(h, w)), w)), w)); };
  const auto held = [&](bool saving) {
    CompiledStep step([&](const Tensors& x) {
      Tensor h = x[0];
      for (int i = 0; i < 6; ++i) h = saving ? checkpoint(layer, h) : layer(h);
      return grad(sum(h), Tensors{w});
    });
    for (int call = 0; call < 3; ++call) step({ones({64, 64}, f64)});
    return step.held_bytes();
  };
  CHECK(held(true) < 0.75 * static_cast<double>(held(false)));
}

TEST_CASE("turned off, a step stays eager") {
  int calls = 0;
  auto step = compile(
      [&](const Tensor& x) {
        ++calls;
        return x + 1;
      },
      {.enabled = false});
  for (int call = 0; call < 5; ++call) step(ramp());
  CHECK(calls == 5);
}

TEST_CASE("a number read through data() is a number of the host: seen where it differs between two records") {
  const Tensor rate = full({1}, 2, f64);
  const auto f = [&](const Tensors& x) { return Tensors{x[0] * *rate.data<double>()}; };
  if (default_device() != cpu) return;
  CompiledStep step(f);
  for (int call = 0; call < 3; ++call) step({ramp()});
  copy_(rate, full({1}, 5, f64));
  CHECK(apart(step({ramp()})[0], 2 * ramp()) == 0);  // as it was recorded
  CHECK(contains(refusal([&](const Tensors& x) {
                   add_(rate, 1);
                   return f(x);
                 }),
                 "a number of the host changed"));
}

TEST_CASE("a captured handle that is given another tensor between two records is refused, and after them not seen") {
  Tensor centre = ramp();
  const auto f = [&](const Tensors& x) { return Tensors{x[0] - centre}; };
  CompiledStep step(f, {.audit_every = 6});
  for (int call = 0; call < 3; ++call) step({ramp()});
  const Tensor before = centre;
  centre = 2 * ramp();
  CHECK(apart(step({ramp()})[0], ramp() - before) == 0);
  for (int call = 4; call < 6; ++call) step({ramp()});
  CHECK(contains(message_of([&] { step({ramp()}); }), "a captured tensor of 24 bytes was replaced"));
}

TEST_CASE("what another thread computes inside a step: a tensor that it made is refused, what it writes in place is not seen") {
  if (default_device() != cpu) return;
  const std::string made = refusal([](const Tensors& x) {
    Tensor y;
    std::thread([&] { y = x[0] * 2; }).join();
    return Tensors{y + 1};
  });
  CHECK(contains(made, "was replaced by another"));
  const Tensor total = zeros({3}, f64);
  CompiledStep step([&](const Tensors& x) {
    std::thread([&] { add_(total, 1); }).join();
    return Tensors{x[0] + 1};
  });
  for (int call = 0; call < 10; ++call) step({ramp()});
  CHECK(apart(total, full({3}, 3, f64)) == 0);
}

TEST_CASE("printing, counting and other effects of the host happen in the first three calls only") {
  int count = 0;
  CompiledStep step([&](const Tensors& x) {
    ++count;
    return Tensors{x[0] + 1};
  });
  for (int call = 0; call < 10; ++call) step({ramp()});
  CHECK(count == 3);
}

TEST_CASE("a key that never changes gives the same numbers in each step, as it does eagerly") {
  CompiledStep step([](const Tensors& x) { return Tensors{x[0] + normal({3}, Key(4), f64)}; });
  const Tensor want = ramp() + normal({3}, Key(4), f64);
  for (int call = 0; call < 6; ++call) CHECK(apart(step({ramp()})[0], want) == 0);
}

TEST_CASE("a result that is also kept in a captured handle: the handle keeps the third call's") {
  Tensor last;
  CompiledStep step([&](const Tensors& x) { return Tensors{last = x[0] * 2}; });
  for (int call = 1; call <= 6; ++call) {
    CHECK(apart(step({call * ramp()})[0], 2 * call * ramp()) == 0);
    CHECK(apart(last, 2 * std::min(call, 3) * ramp()) == 0);
  }
}
