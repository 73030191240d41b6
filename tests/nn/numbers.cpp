// Numbers and shapes that would train or answer something else in silence: each is refused where it is given.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>

#include "nn/conditioning.h"
#include "nn/conv_score.h"
#include "nn/ema.h"
#include "nn/lbfgs.h"
#include "nn/loader.h"
#include "nn/optimiser.h"
#include "nn/parametrisation.h"
#include "nn/residual.h"
#include "nn/score.h"
#include "nn/train.h"
#include "tests/catch.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;

namespace {

const std::vector<double> bad_shares{1, 1.5, -0.1, NAN, INFINITY}, bad_sizes{-1, NAN, INFINITY, -INFINITY},
    bad_positives{0, -1, NAN, INFINITY};

// make(value) throws an Error that names `what` for each value.
template <class Make>
void refused(const char* what, const std::vector<double>& values, const Make& make) {
  for (double v : values) {
    CAPTURE(what, v);
    CHECK(contains(message_of([&] { make(v); }), what));
  }
}

}  // namespace

TEST_CASE("options of optimisers that are no rates, shares or positive numbers are refused") {
  const Tensor p = ones({2}).requires_grad();
  refused("SGD: rate", bad_sizes, [&](double v) { nn::SGD({p}, {.rate = v}); });
  refused("SGD: momentum", bad_shares, [&](double v) { nn::SGD({p}, {.momentum = v}); });
  refused("SGD: weight_decay", bad_sizes, [&](double v) { nn::SGD({p}, {.weight_decay = v}); });
  refused("Adam: rate", bad_sizes, [&](double v) { nn::Adam({p}, {.rate = v}); });
  refused("Adam: beta1", bad_shares, [&](double v) { nn::Adam({p}, {.beta1 = v}); });
  refused("Adam: beta2", bad_shares, [&](double v) { nn::Adam({p}, {.beta2 = v}); });
  refused("Adam: epsilon", bad_positives, [&](double v) { nn::Adam({p}, {.epsilon = v}); });
  refused("Adam: weight_decay", bad_sizes, [&](double v) { nn::Adam({p}, {.weight_decay = v}); });
  refused("AdamW: rate", bad_sizes, [&](double v) { nn::AdamW({p}, {.rate = v}); });
  refused("AdamW: beta2", bad_shares, [&](double v) { nn::AdamW({p}, {.beta2 = v}); });
  refused("AdamW: epsilon", bad_positives, [&](double v) { nn::AdamW({p}, {.epsilon = v}); });
  refused("AdamW: weight_decay", bad_sizes, [&](double v) { nn::AdamW({p}, {.weight_decay = v}); });
  refused("RMSprop: rate", bad_sizes, [&](double v) { nn::RMSprop({p}, {.rate = v}); });
  refused("RMSprop: alpha", bad_shares, [&](double v) { nn::RMSprop({p}, {.alpha = v}); });
  refused("RMSprop: momentum", bad_shares, [&](double v) { nn::RMSprop({p}, {.momentum = v}); });
  refused("RMSprop: epsilon", bad_positives, [&](double v) { nn::RMSprop({p}, {.epsilon = v}); });
  refused("RMSprop: weight_decay", bad_sizes, [&](double v) { nn::RMSprop({p}, {.weight_decay = v}); });
  refused("LBFGS: rate", bad_sizes, [&](double v) { nn::LBFGS({p}, {.rate = v}); });
  refused("LBFGS: the tolerances", {-1, NAN}, [&](double v) { nn::LBFGS({p}, {.gradient_tolerance = v}); });
  refused("LBFGS: the tolerances", {-1, NAN}, [&](double v) { nn::LBFGS({p}, {.change_tolerance = v}); });
  refused("EMA: the decay", bad_shares, [&](double v) { nn::EMA({p}, {.decay = v}); });
  refused("clipped: the bound", {0, -1, NAN}, [&](double v) { nn::clipped({p.detach()}, v); });
  nn::SGD({p}, {.rate = 0});
  nn::Adam({p}, {.beta1 = 0, .beta2 = 0});
}

TEST_CASE("schedules of rates that are negative or not finite, and of no steps, are refused") {
  namespace s = nn::schedule;
  refused("schedule::constant: rate", bad_sizes, [](double v) { s::constant(v); });
  refused("schedule::step: rate", bad_sizes, [](double v) { s::step(v, 3); });
  refused("schedule::step: factor", bad_sizes, [](double v) { s::step(0.1, 3, v); });
  refused("schedule::cosine: rate", bad_sizes, [](double v) { s::cosine(v, 3); });
  refused("schedule::cosine: last", bad_sizes, [](double v) { s::cosine(0.1, 3, v); });
  for (int64_t n : {0, -1}) {
    CHECK_THROWS_AS(s::step(0.1, n), Error);
    CHECK_THROWS_AS(s::cosine(0.1, n), Error);
    CHECK_THROWS_AS(s::warm_up(n, s::constant(0.1)), Error);
    CHECK_THROWS_AS(s::chain(s::constant(0.1), n, s::constant(0.1)), Error);
  }
}

TEST_CASE("values that would broadcast onto a parameter are refused before anything is written") {
  const Tensor p = from({1, 2}).requires_grad();
  CHECK(contains(message_of([&] { nn::Swapped({p}, {ones({1})}); }), "Swapped: [2] wanted for value 0, [1] came"));
  CHECK(contains(message_of([&] { nn::Swapped({p}, {}); }), "0 values for 1 parameters"));
  CHECK(p.detach().to_vector<double>() == std::vector<double>{1, 2});
}

TEST_CASE("noise levels, conditions and biases that would make x larger are refused") {
  const Tensor one = ones({1, 2}), x = ones({3, 2}), levels = from({0.1, 0.2, 0.3});
  const nn::ScoreMLP score({.inputs = 2}, nn::Predicts::eps, Key(1));
  const nn::EnergyMLP energy({.inputs = 2}, Key(1));
  const nn::Preconditioned<nn::NoisyMLP> karras{nn::NoisyMLP({.inputs = 2}, Key(1))};
  const nn::FiLM film(2, 2);
  CHECK(contains(message_of([&] { nn::level_beside(levels, one); }), "noise levels: [1] wanted, [3] came"));
  CHECK_THROWS_AS(score(one, levels), Error);
  CHECK_THROWS_AS(energy(one, levels), Error);
  CHECK_THROWS_AS(karras(one, levels), Error);
  CHECK(score(x, levels).shape() == x.shape());
  CHECK(contains(message_of([&] { film(one, x); }), "FiLM: [1, ..] wanted for a condition, [3, 2] came"));
  CHECK(contains(message_of([&] {
                   nn::score_from(nn::Predicts::eps, ones({3, 1}), x, 1, 1);
                 }),
                 "score_from: [3, 2] wanted for what is predicted, [3, 1] came"));
  CHECK(contains(message_of([&] { nn::score_from(nn::Predicts::eps, one, one, 1, unsqueeze(levels, 1)); }),
                 "wanted for a level, [3, 1] came"));
  CHECK(contains(message_of([&] { nn::prediction(nn::Predicts::x0, ones({2}), x, 1, 1); }),
                 "prediction: [3, 2] wanted for what is predicted, [2] came"));
  CHECK(contains(message_of([&] {
                   nn::Linear(ones({1, 2}), ones({3}))(x);
                 }),
                 "Linear: [out, in] and [out] wanted for weight and bias, [1, 2] and [3] came"));
  CHECK_THROWS_AS(nn::Linear(ones({3, 2}), ones({1}))(x), Error);
  const nn::ConvScore conv(1, 4, 2, Key(1));
  CHECK_THROWS_AS(conv(ones({1, 1, 4, 4}), levels, ones({1, 2})), Error);
  CHECK_THROWS_AS(conv(ones({1, 1, 4, 4}), scalar(1), x), Error);
  const nn::ResidualBlock block(2, 2, 2, 1, Key(1));
  CHECK_THROWS_AS(block(ones({1, 2, 4, 4}), x), Error);
}

TEST_CASE("noise levels that are not positive are refused where a score divides by them") {
  if (default_device() != cpu) return;  // a device's levels are not read: that would wait for it in each step
  const Tensor x = ones({2, 2});
  const nn::ScoreMLP score({.inputs = 2, .features = 0}, nn::Predicts::eps, Key(1));
  const nn::EnergyMLP energy({.inputs = 2, .features = 0}, Key(1));
  const nn::Preconditioned<nn::NoisyMLP> karras{nn::NoisyMLP({.inputs = 2, .features = 0}, Key(1))};
  for (double bad : {0.0, -0.5, static_cast<double>(NAN)}) {
    const Tensor levels = from({0.5, bad});
    CAPTURE(bad);
    CHECK(contains(message_of([&] { score(x, levels); }), "noise level 1 is"));
    CHECK(contains(message_of([&] { energy(x, levels); }), "noise level 1 is"));
    CHECK(contains(message_of([&] { karras(x, levels); }), "noise level 1 is"));
    CHECK(contains(message_of([&] { karras.denoised(x, levels); }), "noise level 1 is"));
  }
  CHECK_THROWS_AS((nn::Preconditioned<nn::NoisyMLP>{karras.net, 0}(x, scalar(1))), Error);
}

TEST_CASE("a run tries its checkpoint and its log before the first step") {
  int taken = 0;
  const Tensor p = ones({1}).requires_grad();
  const nn::SGD sgd({p});
  const auto fails = [&](nn::TrainOptions o) {
    o.state = {{"sgd", sgd}};
    o.progress = [](double) { return true; };
    const std::string why = message_of([&] { nn::train([&](int64_t, const Key&) { return ++taken, ones({}); }, o, Key(1)); });
    CHECK(taken == 0);
    return why;
  };
  const ScratchFile pipe("pipe"), log("log");
  REQUIRE(mkfifo(pipe.path().c_str(), 0600) == 0);
  CHECK(contains(fails({.checkpoint = "/nonexistent/c"}), "save_checkpoint: '/nonexistent/c' cannot be created: No such file"));
  CHECK(contains(fails({.checkpoint = "/tmp"}), "not a regular file"));
  CHECK(contains(fails({.checkpoint = pipe.path()}), "not a regular file"));
  CHECK(contains(fails({.checkpoint = std::string(5000, 'x')}), "File name too long"));
  CHECK(contains(fails({.log = "/nonexistent/log"}), "No such file"));
  CHECK(contains(fails({.log = "/tmp"}), "Is a directory"));
  CHECK(contains(fails({.log = log.path(), .columns = {"a,b"}}), "the column 'a,b' would break its line"));
  nn::TrainOptions named{.checkpoint = log.path()};
  named.state = {{"sgd\xff", sgd}};
  named.progress = [](double) { return true; };
  CHECK(contains(message_of([&] { nn::train([&](int64_t, const Key&) { return ++taken, ones({}); }, named, Key(1)); }), "is not UTF-8"));
  CHECK(taken == 0);
  CHECK_FALSE(std::filesystem::exists(log.path()));
}

TEST_CASE("a full disk ends a run with the system's word for it, and a log may be a device") {
  const auto run = [](const std::string& log) {
    return nn::train([&](int64_t, const Key&) { return ones({}); },
                     {.steps = 20, .log = log, .log_every = 1, .progress = [](double) { return true; }}, Key(1));
  };
  CHECK(contains(message_of([&] { run("/dev/full"); }), "No space left on device"));
  CHECK(run("/dev/null").step == 20);
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("numbers that are not finite from the first step on are reported as of step 1, with the way to the op that made them") {
  const auto run = [](double from_step) {
    return message_of([&] {
      nn::train([&](int64_t i, const Key&) { return scalar(static_cast<double>(i) >= from_step ? NAN : 1.0); },
                {.steps = 50, .log_every = 20, .progress = [](double) { return true; }}, Key(1));
    });
  };
  CHECK(contains(run(0), "loss is nan after step 1; "));
  CHECK(contains(run(0), "Anomaly"));
  CHECK(contains(run(5), "loss is nan after step 20, and was finite after step 1; "));
}
