// Law: samplers compile their steps without being asked, and nobody can tell but by the clock: the same bits, stops, draws and errors, and
// eager steps where a score cannot be recorded.
#include "autograd/compile/compile.h"
#include "autograd/compile/loop.h"

#include "distributions/mixture.h"
#include "nn/score.h"
#include "samplers/diffusion.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/watched.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
const Edm schedule{.sigma_min = 0.1, .sigma_max = 3};
constexpr int64_t steps = 72;
const Tensor start = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64);

using Sampler = std::function<Samples(const NoisyScore&, const SamplerOptions&)>;
const std::vector<std::pair<std::string, Sampler>> every_sampler = {
    {"langevin",
     [](const NoisyScore& s, const SamplerOptions& o) {
       return langevin([&](const Tensor& y) { return s(y, scalar(0.7, f64)); }, start, {0.1, steps - o.first}, Key(3), o);
     }},
    {"mala",
     [](const NoisyScore& s, const SamplerOptions& o) {
       const auto both = [&](const Tensor& y) { return DensityAndScore{-0.5 * sum(square(y), {-1}), s(y, scalar(0.7, f64))}; };
       return mala(both, start, {0.1, steps - o.first}, Key(3), o);
     }},
    {"annealed_langevin",
     [](const NoisyScore& s, const SamplerOptions& o) {
       return annealed_langevin(s, start, {.sigmas = {2, 1, 0.5, 0.2}, .step = 0.05, .count = steps / 4}, Key(3), o);
     }},
    {"reverse_sde", [](const NoisyScore& s, const SamplerOptions& o) { return reverse_sde(s, start, course(schedule, steps), Key(3), o); }},
    {"predictor_corrector",
     [](const NoisyScore& s, const SamplerOptions& o) {
       return predictor_corrector(s, start, course(schedule, steps), {.count = 2}, Key(3), o);
     }},
    {"ancestral",
     [](const NoisyScore& s, const SamplerOptions& o) { return ancestral(s, start, geometric_course(schedule, steps), Key(3), o); }},
    {"heun",
     [](const NoisyScore& s, const SamplerOptions& o) {
       return heun(s, start, {.sigmas = schedule.ladder(static_cast<int>(steps)), .churn = 2, .from = 0.2}, Key(3), o);
     }},
    {"ddim", [](const NoisyScore& s, const SamplerOptions& o) { return ddim(s, start, geometric_course(schedule, steps), o); }},
    {"dpm_solver", [](const NoisyScore& s, const SamplerOptions& o) { return dpm_solver(s, start, geometric_course(schedule, steps), o); }},
    {"euler", [](const NoisyScore& s,
                 const SamplerOptions& o) { return probability_flow(s, start, geometric_course(schedule, steps), {Method::euler}, o); }},
    {"heun",
     [](const NoisyScore& s, const SamplerOptions& o) { return probability_flow(s, start, geometric_course(schedule, steps), {}, o); }},
    {"dormand_prince",
     [](const NoisyScore& s, const SamplerOptions& o) {
       return probability_flow(s, start, course(schedule, {3.0, 0.1}), {Method::dormand_prince, 1e-12, 1e-12}, o);
     }},
};

// No matrix product: the bits of compiled steps are the eager ones.
Tensor cubic(const Tensor& x, const Tensor& level) { return -x / (square(level) + 0.5) - 0.01 * x * square(x); }

}  // namespace

TEST_CASE("every sampler replays its steps without being asked, with the bits of eager ones") {
  for (const auto& named : every_sampler) {
    const auto& [name, run] = named;
    const auto& sampler = run;  // clang 14 captures no name of a structured binding
    CAPTURE(name);
    int calls = 0;
    const NoisyScore score = [&](const Tensor& x, const Tensor& level) {
      ++calls;
      return cubic(x, level);
    };
    const auto [plain, none, reason] = watched([&] { return sampler(score, {.compile = false}); });
    CHECK(none == 0);
    CHECK(calls >= plain.evaluations);
    calls = 0;
    const auto [got, replayed, refusal] = watched([&] { return sampler(score, {}); });
    CHECK(replayed >= steps - 2);
    CHECK(refusal.empty());
    CHECK(calls < plain.evaluations);
    CHECK(same_bits(got.x, plain.x));
    CHECK((got.steps == plain.steps && got.evaluations == plain.evaluations));
    if (plain.acceptance.defined()) CHECK(same_bits(got.acceptance, plain.acceptance));

    set_compile_by_default(false);
    const auto off = watched([&] { return sampler(score, {}); });
    set_compile_by_default(true);
    CHECK((off.replayed == 0 && same_bits(off.found.x, plain.x)));
  }
}

TEST_CASE("a compiled run in pieces makes the steps of one run, bit for bit, with matrix products too") {
  const nn::ScoreMLP net({.inputs = 2, .hidden = {8, 8}}, nn::Predicts::eps, Key(2), f64);
  const auto score = [&](const Tensor& x) { return net(x, scalar(0.7, f64)); };
  const auto whole = watched([&] {
    return langevin(score, start, {0.1, 140}, Key(3));
  }),
             one = watched([&] {
               return langevin(score, start, {0.1, 70}, Key(3));
             }),
             two = watched([&] {
               return langevin(score, one.found.x, {0.1, 70}, Key(3), {.first = 70});
             });
  CHECK((whole.replayed == 140 && one.replayed == 70 && two.replayed == 70));
  CHECK(same_bits(two.found.x, whole.found.x));
}

TEST_CASE("a score that reads values on the host stays eager, is called as often as ever, and says why") {
  for (const auto& named : every_sampler) {
    const auto& [name, run] = named;
    const auto& sampler = run;  // clang 14 captures no name of a structured binding
    CAPTURE(name);
    int calls = 0;
    const NoisyScore score = [&](const Tensor& x, const Tensor& level) {
      ++calls;
      return cubic(x, scalar(level.item(), f64));
    };
    const Samples plain = sampler(score, {.compile = false});
    const int wanted = calls;
    calls = 0;
    const auto [got, replayed, refusal] = watched([&] { return sampler(score, {}); });
    CHECK(calls == wanted);
    CHECK(replayed == 0);
    CHECK(contains(refusal, "read on the host"));
    CHECK(same_bits(got.x, plain.x));
  }
}

TEST_CASE("a score with a number of the host that changes at each call is computed as ever") {
  double temper = 1;
  const ScoreFunction score = [&](const Tensor& x) { return (temper *= 0.99) * -x; };
  const Samples plain = langevin(score, start, {0.1, 90}, Key(1), {.compile = false});
  const double left = temper;
  temper = 1;
  const auto [got, replayed, refusal] = watched([&] { return langevin(score, start, {0.1, 90}, Key(1)); });
  CHECK(temper == left);
  CHECK(contains(refusal, "a number of the host changed"));
  CHECK(same_bits(got.x, plain.x));
}

TEST_CASE("a number of the host that an observer changes early is seen; one that changes later is an error, not a wrong sample") {
  for (int64_t when : {1, 2, 20}) {
    CAPTURE(when);
    double strength = 1;
    const ScoreFunction score = [&](const Tensor& x) { return -strength * x; };
    const auto run = [&](bool compiled) {
      strength = 1;
      return langevin(score, start, {0.1, 90}, Key(1),
                      {.observe = [&](int64_t step, const Tensor&) { strength = step < when ? 1 : 2; }, .compile = compiled});
    };
    if (when == 20) {
      CHECK(contains(message_of([&] { run(true); }), "What changed in between went unseen"));
      continue;
    }
    CHECK(same_bits(run(true).x, run(false).x));
  }
}

TEST_CASE("what a score captures in tensors may change: a replay reads it anew") {
  const Tensor strength = scalar(1, f64);
  const ScoreFunction score = [&](const Tensor& x) { return -strength * x; };
  const auto run = [&](bool compiled) {
    copy_(strength, scalar(1, f64));
    return langevin(score, start, {0.1, 90}, Key(1),
                    {.observe =
                         [&](int64_t step, const Tensor&) {
                           if (step % 10 == 0) copy_(strength, strength + 0.5);
                         },
                     .compile = compiled});
  };
  const auto got = watched([&] { return run(true); });
  CHECK(got.replayed == 90);
  CHECK(same_bits(got.found.x, run(false).x));
}

TEST_CASE("given noise, compiled scores, energies and likelihoods are compiled through") {
  const auto noise = [](int64_t i, const Tensor& x) { return normal(x.shape(), Key(5).fold(i), f64); };
  const auto given = watched([&] { return every_sampler[0].second(cubic, {.noise = noise}); });
  CHECK(given.replayed == steps);
  CHECK(same_bits(given.found.x, every_sampler[0].second(cubic, {.noise = noise, .compile = false}).x));

  auto inner = compile([](const Tensor& x, const Tensor& level) { return cubic(x, level); });
  const auto nested =
      watched([&] { return every_sampler[2].second([&](const Tensor& x, const Tensor& level) { return inner(x, level); }, {}); });
  CHECK((nested.replayed == steps && same_bits(nested.found.x, every_sampler[2].second(cubic, {}).x)));

  const nn::EnergyMLP energy({.inputs = 2, .hidden = {8}}, Key(3), f64);
  const auto by_energy = watched([&] { return every_sampler[2].second(energy, {}); });
  CHECK(by_energy.replayed == steps);
  CHECK(apart(by_energy.found.x, every_sampler[2].second(energy, {.compile = false}).x) < 1e-12);

  const auto prior = [](const Tensor& x) { return -0.5 * sum(square(x), {-1}); };
  const auto wide = [](const Tensor& x, const Tensor& level) { return -x / (square(level) + 0.5); };
  const auto likelihood = [&](bool compiled) {
    return log_likelihood(wide, start, course(schedule, {0.1, 3.0}), prior, Key(1), {.compile = compiled});
  };
  CHECK(same_bits(likelihood(true).log_density, likelihood(false).log_density));
  CHECK(likelihood(true).evaluations == likelihood(false).evaluations);
}

TEST_CASE("a short run is not recorded, and one that is differentiated neither") {
  CHECK(watched([] { return langevin([](const Tensor& x) { return -x; }, start, {0.1, 8}, Key(1)); }).replayed == 0);
  const auto d = watched([] { return every_sampler[0].second(cubic, {.differentiable = true}); });
  CHECK((d.replayed == 0 && d.refusal.empty()));
}
