// A step of the library's loops: what it does where nothing can be replayed, and what it undoes where it replays.
#include <cstdlib>
#include <functional>
#include <optional>

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/compile/loop.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

const Options f64{.dtype = float64};
Tensor ramp() { return from({1, 2, 3}, f64); }

}  // namespace

TEST_CASE("a lenient step replays from its first call on, and is called in calls 1, 2, 3, 5, 9, 17 and where it is asked to be") {
  for (bool products : {false, true}) {
    std::vector<int> called;
    int call = 0;
    const Tensor total = zeros({3, 3}, f64), one = eye(3, f64);
    CompiledLoop step(
        [&](const Tensors& x) {
          called.push_back(call);
          add_(total, products ? matmul(one, x[0]) : x[0]);
          return Tensors{total * 2};
        },
        for_loop(100));
    for (call = 1; call <= 40; ++call) {
      if (call == 30) step.audit_next();
      CHECK(apart(step({full({3, 3}, 1, f64)})[0], full({3, 3}, 2 * call, f64)) == 0);  // no call is applied twice
      CHECK(step.replayed() == call);
    }
    CHECK(called == std::vector<int>{1, 2, 3, 5, 9, 17, 30, 33});
    CHECK(step.refusal().empty());
  }
}

TEST_CASE("a called step with products leaves captured tensors and arguments as one step leaves them") {
  const Tensor w = full({2, 2}, 1, f64), counter = indices({0}, Shape{}), x = full({2, 2}, 3, f64);
  CompiledLoop step(
      [&](const Tensors& in) {
        add_(in[0], matmul(w, in[0]));  // writes its argument
        copy_(w, 0.5 * w);
        add_(counter, 1);
        return Tensors{in[0] + 0};
      },
      for_loop(100));
  Tensor want_x = full({2, 2}, 3, f64), want_w = full({2, 2}, 1, f64);
  for (int call = 1; call <= 6; ++call) {
    want_x = want_x + matmul(want_w, want_x);
    want_w = 0.5 * want_w;
    CHECK(apart(step({x})[0], want_x) == 0);
    CHECK((apart(x, want_x) == 0 && apart(w, want_w) == 0 && counter.item() == call));
  }
}

TEST_CASE("where products are made in blocks of rows, a step that is called has the bits of one that is replayed") {
  const Options o{.dtype = float32};
  const int64_t n = 2048, d = 48;
  const Tensor first = normal({d, d}, Key(1), o) / 7, bias = normal({d}, Key(2), o);
  // Twenty steps, by a new compiled step after every `piece`.
  bool blocked = false;
  const auto run = [&](int piece, LoopOptions how) {
    const Tensor w = first.to(float64).to(float32).requires_grad(), counter = scalar(0, f64);
    std::optional<CompiledLoop> step;
    Tensor x = normal({n, d}, Key(3), o);
    for (int call = 0; call < 20; ++call) {
      if (call % piece == 0)
        step.emplace(
            [&](const Tensors& in) {
              const Tensor loss = mean(square(tanh(matmul(tanh(matmul(in[0], w) + bias), w) + bias) - 0.3)), g = grad(loss, w);
              const NoGrad plain;
              copy_(w, w - 0.1 * g);
              add_(counter, 1);
              add_(in[0], 0.01);  // and its argument
              return Tensors{loss.detach()};
            },
            how);
      (*step)({x});
    }
    if (how.enabled) {
      CHECK(step->replayed() == piece);
      blocked = contains(step->show(Pass::blocked), "for ");
    }
    CHECK(counter.item() == 20);
    CHECK(apart(x, normal({n, d}, Key(3), o) + 0.2) < 1e-5);
    return w.detach();
  };
  const Tensor whole = run(20, for_loop(100));
  for (int piece : {1, 4, 10}) CHECK(apart(run(piece, for_loop(100)), whole) == 0);
  CHECK(apart(run(20, {.enabled = false}), whole) < 1e-5);
  CHECK(blocked == (backend(default_device()).share != nullptr));
}

TEST_CASE("a lenient step that reads on the host, keeps what it made or returns a history runs on as if nobody watched") {
  std::vector<Tensor> kept;
  const Tensor w = ramp().requires_grad(), total = zeros({3}, f64);
  int calls = 0;
  const std::vector<std::pair<std::string, std::function<Tensors(const Tensors&)>>> cases = {
      {"read on the host", [&](const Tensors& x) { return Tensors{x[0] * sum(x[0]).item()}; }},
      {"outlives it without being returned",
       [&](const Tensors& x) {
         kept.push_back(x[0] + 1);
         return Tensors{x[0] * 6};
       }},
      {"also kept in a handle outside",
       [&](const Tensors& x) {
         kept = {x[0] * 6};
         return kept;
       }},
      {"part of a recorded computation", [&](const Tensors& x) { return Tensors{6 * x[0] + 0 * w}; }},
  };
  for (const auto& [why, step_of_case] : cases) {
    const auto& f = step_of_case;  // clang 14 captures no structured binding
    CAPTURE(why);
    calls = 0;
    CompiledLoop step(
        [&](const Tensors& x) {
          ++calls;
          add_(total, 1);
          return f(x);
        },
        for_loop(100));
    copy_(total, zeros({3}, f64));
    for (int call = 1; call <= 20; ++call) {
      CHECK(apart(step({ramp()})[0].detach(), 6 * ramp()) == 0);
      CHECK(calls == call);
      CHECK(apart(total, full({3}, call, f64)) == 0);
    }
    CHECK(step.replayed() == 0);
    CHECK(contains(step.refusal(), why));
  }
}

TEST_CASE("what a step makes at its first call only is no reason to stay eager") {
  Tensor moment;
  CompiledLoop step(
      [&](const Tensors& x) {
        if (!moment.defined()) moment = zeros({3}, f64);
        add_(moment, x[0]);
        return Tensors{moment * 1};
      },
      for_loop(100));
  for (int call = 1; call <= 20; ++call) CHECK(apart(step({ramp()})[0], call * ramp()) < 1e-14);
  CHECK((step.replayed() == 19 && step.refusal().empty()));
}

TEST_CASE("an error that the step throws is the caller's, and the step goes on afterwards") {
  int calls = 0;
  CompiledLoop step(
      [&](const Tensors& x) {
        if (++calls == 2) throw Error(Where::here(), "not now");
        return Tensors{x[0] + 1};
      },
      for_loop(100));
  step({ramp()});
  CHECK(contains(message_of([&] { step({ramp()}); }), "not now"));
  for (int call = 0; call < 10; ++call) CHECK(apart(step({ramp()})[0], ramp() + 1) == 0);
  CHECK(step.replayed() == 11);
}

TEST_CASE("a replay that fails throws at the line that would have failed, with the message of the eager op") {
  const auto line = [](const Tensors& x) { return Tensors{cholesky(x[0])}; };
  CompiledLoop step(line, for_loop(100));
  const Tensor good = eye(2, f64), bad = -eye(2, f64);
  for (int call = 0; call < 3; ++call) step({good});
  CHECK(message_of([&] { step({bad}); }) == message_of([&] { line({bad}); }));
  CHECK(apart(step({good})[0], good) == 0);
}

TEST_CASE("a difference that comes at once turns a step eager; one that comes where calls went unseen is an error") {
  const auto with = [](int when, int calls) {
    double factor = 1;
    CompiledLoop step([&](const Tensors& x) { return Tensors{x[0] * factor}; }, for_loop(100));
    for (int call = 1; call <= calls; ++call) {
      if (call == when) factor = 2;
      CHECK(apart(step({ramp()})[0], factor * ramp()) == 0);
    }
    return step.refusal();
  };
  CHECK(contains(with(2, 20), "a number of the host changed from 1 to 2"));
  CHECK(contains(with(3, 20), "a number of the host changed from 1 to 2"));
  CHECK(contains(message_of([&] {
                   double factor = 1;
                   CompiledLoop step([&](const Tensors& x) { return Tensors{x[0] * factor}; }, for_loop(100));
                   for (int call = 1; call <= 17; ++call) {
                     if (call == 12) factor = 2;
                     step({ramp()});
                   }
                 }),
                 "What changed in between went unseen"));
}

TEST_CASE("a number that changes and is back before it is looked at is not seen; in a tensor it is") {
  double factor = 1;
  const Tensor held = scalar(1, f64);
  CompiledLoop step([&](const Tensors& x) { return Tensors{x[0] * factor, x[0] * held}; }, for_loop(100));
  for (int call = 1; call <= 40; ++call) {
    factor = call == 20 ? 2 : 1;
    copy_(held, scalar(factor, f64));
    const Tensors got = step({ramp()});
    CHECK(apart(got[0], ramp()) == 0);
    CHECK(apart(got[1], factor * ramp()) == 0);
  }
}

TEST_CASE("a layout that cannot be recorded stays eager by itself; one that differs speaks for all") {
  double factor = 1;
  CompiledLoop step([&](const Tensors& x) { return Tensors{x[0].extent(0) == 2 ? x[0] * sum(x[0]).item() : x[0] * factor}; },
                    for_loop(100));
  for (int call = 0; call < 12; ++call)
    for (int64_t n : {2, 3, 4}) CHECK(apart(step({full({n}, 1, f64)})[0], full({n}, n == 2 ? 2 : 1, f64)) == 0);
  CHECK(step.replayed() == 24);
  CHECK(contains(step.refusal(), "read on the host"));
  factor = 2;
  step.audit_next();
  CHECK(contains(message_of([&] { step({full({3}, 1, f64)}); }), "went unseen"));
}

TEST_CASE("inside another compiled step, and where the switch is off, a loop's step is called each time") {
  int calls = 0;
  const auto f = [&](const Tensors& x) {
    ++calls;
    return Tensors{x[0] + 1};
  };
  CompiledLoop inner(f, for_loop(100));
  auto outer = compile([&](const Tensor& x) { return inner({x})[0] * 2; });
  for (int call = 0; call < 6; ++call) CHECK(apart(outer(ramp()), (ramp() + 1) * 2) == 0);
  CHECK((calls == 3 && inner.replayed() == 1));  // its first call was not inside a record
  CHECK(compile_by_default());
  set_compile_by_default(false);
  CHECK_FALSE(for_loop(1000).enabled);
  set_compile_by_default(true);
  CHECK(for_loop(1000).enabled);
  CHECK_FALSE(for_loop(1000, false).enabled);
  CHECK_FALSE(for_loop(10).enabled);
}

// CTest runs these two in that environment as well.
TEST_CASE("SCOREGRAD_COMPILE=off leaves loops eager until a program says otherwise") {
  const char* said = std::getenv("SCOREGRAD_COMPILE");
  const bool off = said && std::string(said) == "off";
  CHECK(compile_by_default() == !off);
  CHECK(for_loop(1000).enabled == !off);
  set_compile_by_default(true);
  CHECK(for_loop(1000).enabled);
  set_compile_by_default(!off);
}

TEST_CASE("SCOREGRAD_COMPILE=log says on stderr which loop stays eager and why") {
  CompiledLoop step([](const Tensors& x) { return Tensors{x[0] * sum(x[0]).item()}; }, for_loop(100));
  for (int call = 0; call < 5; ++call) step({ramp()});
  CHECK(contains(step.refusal(), "read on the host"));
}

TEST_CASE("a compiled checkpointed step holds no more bytes at its peak than the eager one") {
  const Tensor w = full({48, 48}, 0.01, f64).requires_grad(), x = ones({200, 48}, f64);
  const auto layer = [&](const Tensor& h) { return tanh(matmul(tanh(matmul(tanh(matmul(h, w)), w)), w)); };
  const auto body = [&](const Tensors& in, bool saving) {
    Tensor h = in[0];
    for (int i = 0; i < 6; ++i) h = saving ? checkpoint(layer, h) : layer(h);
    return grad(sum(h), Tensors{w});
  };
  const auto peak = [&](auto& step, int calls) {
    const int64_t before = memory().live;
    for (int call = 0; call < calls; ++call) step(Tensors{x});
    reset_peak_memory();
    step(Tensors{x});
    return memory().peak - before;
  };
  const compiled::Step saving = [&](const Tensors&in) { return body(in, true); }, plain = [&](const Tensors&in) { return body(in, false); };
  const int64_t by_eager = peak(saving, 3), without = peak(plain, 3);
  CompiledStep step(saving);
  CompiledLoop loop(saving);
  CHECK(peak(step, 3) <= by_eager);
  CHECK(peak(loop, 3) <= by_eager);
  CHECK(by_eager < without);
  CHECK(step.replayed() > 0);
  CHECK(loop.replayed() > 0);
}
