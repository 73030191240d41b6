#include "nn/train.h"

#include <signal.h>

#include <cmath>
#include <filesystem>

#include "autograd/graph/gradient.h"
#include "nn/optimiser.h"
#include "nn/progress.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;

namespace {

// p follows noisy gradients towards 3; stop(i) is asked after each step.
struct Run {
  Tensor p = from({0.0}, {.dtype = float64}).requires_grad();
  nn::Adam adam{{p}, {.rate = 0.1}};

  nn::Trained train(nn::TrainOptions o, const std::function<bool(int64_t)>& stop = {}, const Key& key = Key(1)) {
    o.state = {{"adam", adam}, {"p", Holder{p}}};
    int64_t done = 0;
    o.progress = [&](double) { return !(stop && stop(done)); };
    return nn::train(
        [&](int64_t i, const Key& k) {
          done = i + 1;
          const Tensor loss = sum(square(p - 3 + normal({1}, k, {.dtype = float64})));
          adam.step(grad(loss, Tensors{p}));
          return loss;
        },
        o, key);
  }
  struct Holder {
    Tensor p;
    static void fields(auto& m, auto visit) { visit("value", m.p); }
  };
};

}  // namespace

TEST_CASE("a run that stops and goes on ends with the same bytes and the same log as one that never stopped") {
  const ScratchFile a("a.safetensors"), b("b.safetensors"), log_a("a.csv"), log_b("b.csv");
  Run whole;
  const nn::Trained once = whole.train({.steps = 50, .checkpoint = a.path(), .checkpoint_every = 7, .log = log_a.path(), .log_every = 4});
  CHECK(once.step == 50);
  CHECK_FALSE(once.interrupted);
  int64_t before = 0;
  for (int64_t stop : {3, 21, 22, 50}) {
    Run part;
    const nn::Trained t = part.train({.steps = 50, .checkpoint = b.path(), .checkpoint_every = 7, .log = log_b.path(), .log_every = 4},
                                     [&](int64_t i) { return i == stop; });
    CHECK(t.resumed == before);
    CHECK(t.step == stop);
    CHECK(t.interrupted == (stop != 50));
    before = stop;
  }
  CHECK(a.bytes() == b.bytes());
  CHECK(log_a.bytes() == log_b.bytes());
  CHECK(log_a.bytes().substr(0, 12) == "step,loss\n4,");
  Run more;  // nothing left to do: only the state is put back
  CHECK(more.train({.steps = 50, .checkpoint = b.path()}).step == 50);
  CHECK(more.p.detach().item() == whole.p.detach().item());
}

TEST_CASE("rows beyond the checkpoint, also half a row, are dropped from the log when a run goes on") {
  const ScratchFile a("a.safetensors"), log("a.csv");
  const nn::TrainOptions o{.steps = 20, .checkpoint = a.path(), .checkpoint_every = 10, .log = log.path(), .log_every = 5};
  Run first;
  first.train(o, [](int64_t i) { return i == 10; });
  const std::string kept = log.bytes();
  log.write(kept + "15,0.25\n20,0.1");  // as a process that was killed between checkpoints leaves it
  Run second;
  second.train(o, [](int64_t i) { return i == 11; });
  CHECK(log.bytes() == kept);
  log.write("step,other\n");
  CHECK(contains(message_of([&] { Run().train(o); }), "has the columns 'step,other', this run 'step,loss'"));
}

TEST_CASE("SIGINT and SIGTERM let the step finish, write a checkpoint and return; afterwards the signal means what it did") {
  for (int signal : {SIGINT, SIGTERM}) {
    const ScratchFile a("a.safetensors");
    struct sigaction before {
    }, after{};
    sigaction(signal, nullptr, &before);
    Run r;
    const auto step = [&](int64_t i, const Key&) {
      if (i == 4) raise(signal);
      return ones({});
    };
    const nn::Trained t = nn::train(step, {.steps = 100, .state = {{"adam", r.adam}}, .checkpoint = a.path()}, Key(1));
    CHECK(t.interrupted);
    CHECK(t.step == 5);
    CHECK(load_safetensors(a.path()).at("step").item() == 5);
    sigaction(signal, nullptr, &after);
    CHECK((after.sa_handler == before.sa_handler));
  }
}

TEST_CASE("a checkpoint that is truncated, foreign, of another network or of another key is refused, and nothing is changed") {
  const ScratchFile a("a.safetensors");
  const nn::TrainOptions o{.steps = 8, .checkpoint = a.path()};
  Run().train(o, [](int64_t i) { return i == 4; });
  const std::string good = a.bytes();
  Run r;
  const auto fails = [&](const std::string& bytes, const Key& key = Key(1)) {
    a.write(bytes);
    const std::string text = message_of([&] { r.train(o, {}, key); });
    CHECK(r.p.detach().item() == 0);
    CHECK(r.adam.steps.item() == 0);
    CHECK(a.bytes() == bytes);
    return text;
  };
  for (size_t n : {size_t{0}, size_t{7}, size_t{100}, good.size() - 1})
    CHECK(contains(fails(good.substr(0, n)), "load_safetensors: '" + a.path()));
  CHECK(contains(fails("PK\3\4 is another format"), "not a safetensors file"));
  save_safetensors(a.path(), {{"p.value", ones({1}, {float64})}});
  CHECK(contains(fails(a.bytes()), "is no checkpoint"));
  save_safetensors(a.path(), {{"step", indices({3}, Shape{})}, {"key", indices({1, 0})}, {"p.value", ones({2}, {float64})}});
  CHECK(contains(fails(a.bytes()), "'p.value' is float64 [2] in the file, float64 [1] here"));
  CHECK(contains(fails(good, Key(2)), "comes from a run with the key 1 0, this one has 2 0"));
  a.write(good);
  CHECK(r.train(o).resumed == 4);
}

TEST_CASE("a loss that is not finite ends the run before it reaches a checkpoint") {
  const ScratchFile a("a.safetensors");
  Run r;
  const auto step = [](int64_t i, const Key&) { return scalar(i == 11 ? NAN : 1.0); };
  const nn::TrainOptions o{
      .steps = 20, .state = {{"adam", r.adam}}, .checkpoint = a.path(), .checkpoint_every = 4, .progress = [](double) { return true; }};
  CHECK(contains(message_of([&] { nn::train(step, o, Key(1)); }), "loss is nan after step 12, and was finite after step"));
  CHECK(load_safetensors(a.path()).at("step").item() == 8);
}

TEST_CASE("several numbers a step make several columns, read after the first step and when they are logged") {
  const ScratchFile log("a.csv");
  const auto go_on = [](double) { return true; };
  const auto step = [](int64_t i, const Key&) { return from({0.5, static_cast<double>(i)}, {.dtype = float64}); };
  nn::train(step, {.steps = 5, .log = log.path(), .log_every = 2, .columns = {"loss", "norm"}, .progress = go_on}, Key(1));
  CHECK(log.bytes() == "step,loss,norm\n2,0.5,1\n4,0.5,3\n");
  CHECK(contains(message_of([&] { nn::train(step, {.steps = 5, .progress = go_on}, Key(1)); }),
                 "step 1 returned a tensor of shape [2] where 1 columns are named"));
}

TEST_CASE("each step has a key of its own, the same in every run") {
  std::vector<double> drawn;
  const auto step = [&](int64_t, const Key& k) {
    drawn.push_back(normal({}, k).item());
    return zeros({});
  };
  const nn::TrainOptions o{.steps = 3, .progress = [](double) { return true; }};
  nn::train(step, o, Key(1));
  nn::train(step, o, Key(1));
  CHECK(drawn[0] != drawn[1]);
  CHECK(drawn[0] == drawn[3]);
  CHECK(drawn[2] == drawn[5]);
}

TEST_CASE("options that make no run are refused") {
  const auto step = [](int64_t, const Key&) { return zeros({}); };
  CHECK_THROWS_AS(nn::train(step, {.steps = -1}, Key(1)), Error);
  CHECK_THROWS_AS(nn::train(step, {.log_every = 0}, Key(1)), Error);
  CHECK_THROWS_AS(nn::train(step, {.checkpoint = "/tmp/x"}, Key(1)), Error);
  CHECK_THROWS_AS(nn::train([](int64_t, const Key&) { return Tensor(); }, {.steps = 1}, Key(1)), Error);
  Run r;
  CHECK_THROWS_AS(r.train({.steps = 1, .checkpoint = "/nonexistent/x"}), Error);
  CHECK_THROWS_AS(r.train({.steps = 1, .log = "/nonexistent/x"}), Error);
}

TEST_CASE("the progress bar says how far it is and how long it takes, and is silent where there is no terminal") {
  nn::ProgressBar bar("train");
  CHECK(bar.line(0.25, 30) == "train [######..................]  25 %  1:30 left");
  CHECK(bar.line(1, 30, "loss 0.5") == "train [########################] 100 %  loss 0.5");
  CHECK(bar(0.5));
}

TEST_CASE("a run is observed every so many steps and at its end, after the checkpoint, with the numbers of the step; a resume goes on") {
  const ScratchFile file("observed.safetensors");
  std::vector<int64_t> steps;
  Run run;
  nn::TrainOptions o{.steps = 10, .checkpoint = file.path(), .checkpoint_every = 4};
  o.observe_every = 4;
  o.observe = [&](int64_t step, const std::vector<double>& numbers) {
    steps.push_back(step);
    CHECK(numbers.size() == 1);
    CHECK(std::isfinite(numbers.at(0)));
    if (step == 4) CHECK(std::filesystem::exists(file.path()));
  };
  run.train(o, [](int64_t i) { return i == 6; });
  CHECK(steps == std::vector<int64_t>{4});
  Run again;
  again.train(o);
  CHECK(steps == std::vector<int64_t>{4, 8, 10});
  o.observe_every = 0;
  CHECK(contains(message_of([&] { Run().train(o); }), "observe_every 0"));
}

TEST_CASE("who observes a compiled run sees the parameters of that step, and an error ends the run") {
  const Tensor p = from({0.0}, {.dtype = float64}).requires_grad();
  nn::SGD sgd({p}, {.rate = 0.125});
  std::vector<double> seen;
  const auto step = [&](const Tensors&, const Key&) {
    const Tensor loss = sum(square(p - 1)) / 2;
    sgd.step(grad(loss, Tensors{p}));
    return loss;
  };
  nn::TrainOptions o{.steps = 100, .state = {{"sgd", sgd}}};
  o.observe_every = 25;
  o.observe = [&](int64_t i, const std::vector<double>& numbers) {
    seen.push_back(p.item() - (1 - std::pow(0.875, static_cast<double>(i))));
    seen.push_back(numbers[0] - std::pow(0.875, 2 * static_cast<double>(i - 1)) / 2);
  };
  nn::train(step, o, Key(1));
  CHECK(seen.size() == 8);
  for (double off : seen) CHECK(std::abs(off) < 1e-12);
  o.observe = [](int64_t, const std::vector<double>&) { throw Error(Where::here(), "enough"); };
  CHECK(contains(message_of([&] { nn::train(step, o, Key(1)); }), "enough"));
}
