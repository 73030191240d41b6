// Law: nn::train compiles a step of tensors without being asked, and nobody can tell but by the clock: the same bytes, logs, resumes,
// interrupts and errors, and eager steps where a step cannot be recorded.
#include <cstring>

#include "autograd/compile/compile.h"
#include "autograd/compile/loop.h"
#include "autograd/graph/gradient.h"
#include "nn/ema.h"
#include "nn/mlp.h"
#include "nn/optimiser.h"
#include "nn/train.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"
#include "tests/watched.h"

using namespace scoregrad;

namespace {

const auto go_on = [](double) { return true; };

// A network, an optimiser with a schedule, an average and shuffled data, the last batch of an epoch a shorter one.
struct Run {
  nn::MLP net{{3, 16, 2}, nn::silu, Key(1).fold("net")};
  Tensors parameters = nn::parameters(net);
  nn::AdamW adam{parameters, {.rate = nn::schedule::warm_up(10, nn::schedule::cosine(3e-3, 120))}};
  nn::EMA ema{parameters, {.decay = 0.9}};
  nn::Loader loader{{normal({100, 2}, Key(2))}, {.batch = 32}, Key(3)};
  int calls = 0;

  Tensor step(const Tensors& batch, const Key& k) {
    ++calls;
    const Tensor x = batch[0], eps = normal(x.shape(), k.fold("eps"), like(x)),
                 sigma = 0.1 + uniform({x.extent(0), 1}, k.fold("s"), like(x));
    const Tensor loss = mean(square(net(concat({x + sigma * eps, sigma}, 1)) + eps));
    adam.step(nn::clipped(grad(loss, parameters), 1));
    ema.update();
    return loss;
  }
  Watched<nn::Trained> train(nn::TrainOptions o) {
    o.state = {{"net", net}, {"adam", adam}, {"ema", ema}};
    o.batch = [&](int64_t i) { return loader.batch(i); };
    if (!o.progress) o.progress = go_on;
    return watched([&] { return nn::train([&](const Tensors& batch, const Key& k) { return step(batch, k); }, o, Key(5)); });
  }
  // What a checkpoint would hold, as numbers.
  std::vector<double> bytes() const {
    std::vector<double> out = ema.values()[0].to_vector<double>();
    for (const Tensor& p : parameters)
      for (double v : p.detach().to_vector<double>()) out.push_back(v);
    return out;
  }
};

double furthest(const Run& a, const Run& b) {
  double worst = 0;
  for (size_t i = 0; i < a.parameters.size(); ++i) worst = std::max(worst, apart(a.parameters[i].detach(), b.parameters[i].detach()));
  return worst;
}

}  // namespace

TEST_CASE("train replays a step of tensors without being asked, and its switches turn that off") {
  Run compiled, off, eager;
  const auto t = compiled.train({.steps = 120});
  CHECK((t.found.step == 120 && t.replayed == 120 && t.refusal.empty()));
  CHECK(compiled.calls < 30);  // of either layout the first three, some later ones and those at the end
  CHECK(eager.train({.steps = 120, .compile = false}).replayed == 0);
  CHECK(eager.calls == 120);
  set_compile_by_default(false);
  CHECK(off.train({.steps = 120}).replayed == 0);
  set_compile_by_default(true);
  CHECK(furthest(off, eager) == 0);
  CHECK(furthest(compiled, eager) < 1e-5);
  CHECK((compiled.adam.steps.item() == 120 && compiled.adam.rate.item() == eager.adam.rate.item()));
  CHECK(Run().train({.steps = 20}).replayed == 0);  // too short to gain
}

TEST_CASE("a compiled run that stops anywhere and goes on ends with the bytes and the log of one that never stopped") {
  const ScratchFile a("a.safetensors"), b("b.safetensors"), log_a("a.csv"), log_b("b.csv");
  Run whole;
  CHECK(whole.train({.steps = 120, .checkpoint = a.path(), .checkpoint_every = 7, .log = log_a.path(), .log_every = 1}).replayed == 120);
  for (int64_t stop : {1, 2, 3, 33, 70, 71, 120}) {
    Run part;
    int64_t before = 0, done = 0;
    nn::TrainOptions o{.steps = 120, .checkpoint = b.path(), .checkpoint_every = 7, .log = log_b.path(), .log_every = 1};
    o.progress = [&](double fraction) {
      done = static_cast<int64_t>(fraction * 120 + 0.5);
      return done != stop;
    };
    const auto [t, replayed, refusal] = part.train(o);
    before = t.resumed;
    CHECK((t.step == stop && replayed == stop - before && t.interrupted == (stop != 120)));
  }
  CHECK(a.bytes() == b.bytes());
  CHECK(log_a.bytes() == log_b.bytes());
}

TEST_CASE("a step that reads its loss on the host stays eager, is called once a step, and its run says why") {
  Run run, plain;
  std::vector<double> losses;
  const auto reading = [&](Run& r) {
    return [&](const Tensors& batch, const Key& k) {
      const Tensor loss = r.step(batch, k);
      losses.push_back(loss.item());
      return loss;
    };
  };
  const auto options = [](Run& r) {
    return nn::TrainOptions{.steps = 80, .progress = go_on, .batch = [&](int64_t i) { return r.loader.batch(i); }};
  };
  const auto t = watched([&] { return nn::train(reading(run), options(run), Key(5)); });
  CHECK((t.replayed == 0 && run.calls == 80 && losses.size() == 80));
  CHECK(contains(t.refusal, "read on the host"));
  CHECK(contains(t.refusal, "compiled_training.cpp:"));
  plain.train({.steps = 80, .compile = false});
  CHECK(furthest(run, plain) == 0);
}

TEST_CASE("a loss that is kept for early stopping makes the steps eager, and the run ends where it should") {
  const auto run = [](bool compiled) {
    const Tensor w = from({3.0}).requires_grad();
    nn::SGD sgd({w}, {.rate = 0.01});
    Tensor last;
    return nn::train(
        [&](const Tensors&, const Key&) {
          const Tensor loss = sum(square(w));
          sgd.step(grad(loss, Tensors{w}));
          return last = loss.detach();
        },
        {.steps = 500, .progress = [&](double) { return last.item() > 0.5; }, .compile = compiled}, Key(1));
  };
  const auto [got, replayed, refusal] = watched([&] { return run(true); });
  CHECK((got.step == run(false).step && got.interrupted && got.step > 50));
  CHECK(contains(refusal, "kept in a handle outside the step"));
}

TEST_CASE("host numbers that change in each step, captured handles that are assigned and histories that are kept leave the steps eager") {
  struct Case {
    const char* why;
    std::function<std::function<Tensor(const Tensors&, const Key&)>(Tensor& w)> make;
  };
  const auto descend = [](const Tensor& w, double rate) {
    const Tensor loss = sum(square(w)), g = grad(loss, w);
    const NoGrad plain;
    copy_(w, w - rate * g);
    return loss.detach();
  };
  const std::vector<Case> cases = {
      {"a number of the host changed",
       [&](Tensor& w) { return [&, i = 0](const Tensors&, const Key&) mutable { return descend(w, 0.1 / ++i); }; }},
      {"outlives it without being returned",
       [&](Tensor& w) {
         return [&, average = scalar(0)](const Tensors&, const Key&) mutable {
           const Tensor loss = descend(w, 0.01);
           average = 0.9 * average + 0.1 * loss;
           return average + 0;
         };
       }},
      {"one step made",
       [&](Tensor& w) {
         return [&, i = 0](const Tensors&, const Key&) mutable { return ++i % 2 ? descend(w, 0.01) : exp(descend(w, 0.01)); };
       }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.why);
    Tensor ends[2];
    for (bool compiled : {false, true}) {
      Tensor w = from({3.0, -1.0}).requires_grad();
      const auto t = watched([&] { return nn::train(c.make(w), {.steps = 70, .progress = go_on, .compile = compiled}, Key(1)); });
      if (compiled) CHECK(contains(t.refusal, c.why));
      CHECK(t.replayed <= 1);  // the first one, before it was known
      ends[compiled] = w.detach();
    }
    CHECK(apart(ends[1], ends[0]) == 0);
  }
}

TEST_CASE("a rate on the host that is lowered late is an error before the end and before any checkpoint, not a wrong run") {
  enum { end, checkpoint, interrupt };
  for (int until : {end, checkpoint, interrupt}) {
    const bool to_checkpoint = until != end;
    const ScratchFile file("a.safetensors");
    const Tensor w = from({3.0}).requires_grad();
    nn::SGD sgd({w}, {.rate = 0.01});
    double rate = 0.01;
    int64_t done = 0;
    const auto step = [&](const Tensors&, const Key&) {
      const Tensor loss = sum(square(w)), g = grad(loss, w);
      const NoGrad plain;
      copy_(w, w - rate * g);
      return loss;
    };
    nn::TrainOptions o{.steps = to_checkpoint ? 1000000 : 200, .state = {{"sgd", sgd}}, .progress = [&](double) {
                         if (++done == 150) rate = 0.001;
                         return until != interrupt || done < 160;
                       }};
    if (to_checkpoint) o.checkpoint = file.path(), o.checkpoint_every = 100;
    CHECK(contains(message_of([&] { nn::train(step, o, Key(1)); }), "a number of the host changed from 0.01 to 0.001"));
    CHECK(done < 200);
    if (to_checkpoint) CHECK(load_safetensors(file.path()).at("step").item() == 100);
  }
}

TEST_CASE("a step that throws is the error that it would be eagerly, and a batch is in memory of the step's own") {
  const Tensor data = arange(0, 64), w = scalar(1);
  const auto step = [&](const Tensors& batch, const Key&) {
    if (batch[0].extent(0) == 3) throw Error(Where::here(), "three rows");
    add_(batch[0], 1);
    add_(w, sum(batch[0]));
    return w;
  };
  nn::Loader in_order({data}, {.batch = 4, .shuffle = false}, Key(1)),
      odd({slice_axis(data, 0, 0, 63)}, {.batch = 4, .shuffle = false}, Key(1));
  const auto t = watched(
      [&] { return nn::train(step, {.steps = 64, .progress = go_on, .batch = [&](int64_t i) { return in_order.batch(i); }}, Key(1)); });
  CHECK(t.replayed == 64);
  CHECK(w.item() == 1 + 4 * (64 * 63 / 2 + 64));
  CHECK(apart(data, arange(0, 64)) == 0);
  CHECK(contains(
      message_of([&] { nn::train(step, {.steps = 64, .progress = go_on, .batch = [&](int64_t i) { return odd.batch(i); }}, Key(1)); }),
      "three rows"));
  const auto numbered = [](int64_t, const Key&) { return zeros({}); };
  CHECK(contains(message_of([&] { nn::train(numbered, {.progress = go_on, .batch = [&](int64_t i) { return odd.batch(i); }}, Key(1)); }),
                 "`batch` is for a step of tensors"));
}

TEST_CASE("a loss that is not finite and numbers of the wrong shape are refused in compiled runs as in eager ones") {
  const Tensor n = scalar(0);
  const auto step = [&](const Tensors&, const Key&) {
    add_(n, 1);
    return where(n > 60, log(-n), n);
  };
  CHECK(contains(message_of([&] { nn::train(step, {.steps = 100, .log_every = 1, .progress = go_on}, Key(1)); }),
                 "loss is nan after step 61"));
  CHECK(contains(
      message_of([&] { nn::train([](const Tensors&, const Key&) { return ones({2}); }, {.steps = 70, .progress = go_on}, Key(1)); }),
      "returned a tensor of shape [2] where 1 columns are named"));
  CHECK(contains(
      message_of([&] { nn::train([](const Tensors&, const Key&) { return Tensor(); }, {.steps = 70, .progress = go_on}, Key(1)); }),
      "an undefined tensor"));
}
