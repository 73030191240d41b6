// Law: a compiled step that holds an optimiser, its schedule, clipping and an average takes the steps that the eager one takes, bit for
// bit.
#include "autograd/compile/compile.h"
#include "autograd/graph/gradient.h"
#include "autograd/ops/random.h"
#include "nn/ema.h"
#include "nn/lbfgs.h"
#include "nn/optimiser.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

// Ten steps of a small regression; the data and the noise change from step to step, and so does the rate.
template <class Make>
Tensors trained(Make make, bool compiled) {
  const Tensor w = from({0.3, -0.8, 1.1}).requires_grad(), b = from({0.1}).requires_grad();
  auto optimiser = make(Tensors{w, b});
  nn::EMA ema({w, b}, {.decay = 0.8});
  auto step = compile(
      [&](const Tensor& x, const Tensor& words) {
        const Tensor noise = normal(x.shape(), Key(words), like(x));
        const Tensor loss = mean(square(tanh(x * w + b) - 0.5 * x + 0.1 * noise));
        optimiser.step(nn::clipped(grad(loss, Tensors{w, b}), 0.2));
        ema.update();
        return loss.detach();
      },
      {.enabled = compiled});
  Tensors out;
  for (int64_t i = 0; i < 10; ++i) out.push_back(step(normal({5, 3}, Key(1).fold(i)), Key(2).fold(i).tensor()));
  CHECK(optimiser.steps.item() == 10);
  for (const Tensor& average : ema.values()) out.push_back(average);
  out.push_back(w.detach());
  out.push_back(b.detach());
  out.push_back(optimiser.rate);
  return out;
}

template <class Make>
void check_same(Make make) {
  const Tensors eager = trained(make, false), replayed = trained(make, true);
  REQUIRE(eager.size() == replayed.size());
  for (size_t i = 0; i < eager.size(); ++i) {
    CAPTURE(i);
    CHECK(apart(replayed[i], eager[i]) == 0);
  }
}

}  // namespace

TEST_CASE("optimisers, schedules and averages replay as they compute") {
  const nn::Rate rate = nn::schedule::warm_up(3, nn::schedule::cosine(0.05, 8, 0.001));
  check_same([&](const Tensors& p) { return nn::SGD(p, {.rate = rate, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1}); });
  check_same([&](const Tensors& p) { return nn::Adam(p, {.rate = rate, .weight_decay = 0.1}); });
  check_same([&](const Tensors& p) { return nn::AdamW(p, {.rate = rate}); });
  check_same([&](const Tensors& p) { return nn::RMSprop(p, {.rate = rate, .momentum = 0.5, .centred = true}); });
  check_same([&](const Tensors& p) {
    return nn::SGD(p, {.rate = nn::schedule::chain(nn::schedule::constant(0.1), 5, nn::schedule::step(0.05, 2))});
  });
}

TEST_CASE("a schedule that steps on the host instead is refused, and named") {
  const Tensor w = from({0.3}).requires_grad();
  double host = 0.1;
  nn::SGD sgd({w}, {.rate = [&](const Tensor& steps) { return full(steps.shape(), host *= 0.9, like(steps)); }});
  auto step = compile([&] { sgd.step(grad(sum(square(w)), Tensors{w})); });
  CHECK_THROWS_AS(
      [&] {
        for (int i = 0; i < 4; ++i) step();
      }(),
      Error);
}

TEST_CASE("LBFGS decides by values on the host, so a compiled step refuses it") {
  const Tensor w = from({1, -2}).requires_grad();
  nn::LBFGS lbfgs({w});
  auto step = compile([&] { lbfgs.step([&] { return sum(square(square(w) - 3)); }); });
  CHECK(contains(message_of([&] {
                   for (int i = 0; i < 4; ++i) step();
                 }),
                 "read on the host"));
}

TEST_CASE("a compiled step of AdamW is one program for each parameter") {
  const Tensor p = normal({1000}, Key(1)).requires_grad(), g = normal({1000}, Key(2));
  nn::AdamW adam({p}, {.rate = 1e-2, .weight_decay = 0.1});
  CompiledStep step([&](const Tensors& in) {
    adam.step(in);
    return Tensors{p.detach() * 2};
  });
  for (int i = 0; i < 5; ++i) step({g});
  const std::string shown = step.show(Pass::fused);
  CAPTURE(shown);
  int programs = 0;
  for (size_t i = shown.find("[1000]"); i != std::string::npos; i = shown.find("[1000]", i + 1)) ++programs;
  CHECK(programs == 1);
}
