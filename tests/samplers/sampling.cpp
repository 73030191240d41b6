// What all samplers promise alike: keys that make chunks agree, nothing recorded unless asked, stopping with what there is.
#include "samplers/sampling.h"

#include "autograd/backend/machine.h"
#include "autograd/compile/compile.h"
#include "autograd/graph/gradient.h"
#include "distributions/mixture.h"
#include "nn/score.h"
#include "samplers/diffusion.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
const Mixture law{from({0.3, -0.4}, f64), from({1, 0.5, -1, 0.2}, {2, 2}, f64),
                  from({0.9, 0, 0.2, 0.7, 0.5, 0, -0.3, 0.8}, {2, 2, 2}, f64)};
const Edm schedule{.sigma_min = 0.1, .sigma_max = 3};
const VP vp;
const Annealing levels{.sigmas = {2, 0.5}, .step = 0.05, .count = 4};

using Sampler = std::function<Samples(const NoisyScore&, const Tensor&, const Key&, const SamplerOptions&)>;
/// Every sampler, with a score that depends on the level, in so few steps that a test is quick.
const std::vector<std::pair<std::string, Sampler>> every_sampler = {
    {"langevin",
     [](const NoisyScore& s, const Tensor& x, const Key& k, const SamplerOptions& o) {
       return langevin([&](const Tensor& y) { return s(y, scalar(0.7, like(y))); }, x, {0.1, 8 - o.first}, k, o);
     }},
    {"mala",
     [](const NoisyScore& s, const Tensor& x, const Key& k, const SamplerOptions& o) {
       const auto both = [&](const Tensor& y) { return DensityAndScore{-0.5 * sum(square(y), {-1}), s(y, scalar(0.7, like(y)))}; };
       return mala(both, x, {0.1, 8 - o.first}, k, o);
     }},
    {"annealed_langevin",
     [](const NoisyScore& s, const Tensor& x, const Key& k, const SamplerOptions& o) { return annealed_langevin(s, x, levels, k, o); }},
    {"reverse_sde", [](const NoisyScore& s, const Tensor& x, const Key& k,
                       const SamplerOptions& o) { return reverse_sde(s, x, course(schedule, int64_t{8}), k, o); }},
    {"predictor_corrector",
     [](const NoisyScore& s, const Tensor& x, const Key& k, const SamplerOptions& o) {
       return predictor_corrector(s, x, course(schedule, int64_t{8}), {.count = 2}, k, o);
     }},
    {"ancestral", [](const NoisyScore& s, const Tensor& x, const Key& k,
                     const SamplerOptions& o) { return ancestral(s, x, geometric_course(schedule, 8), k, o); }},
    {"heun", [](const NoisyScore& s, const Tensor& x, const Key& k,
                const SamplerOptions& o) { return heun(s, x, {.sigmas = schedule.ladder(8), .churn = 2}, k, o); }},
    {"probability_flow", [](const NoisyScore& s, const Tensor& x, const Key&,
                            const SamplerOptions& o) { return probability_flow(s, x, geometric_course(schedule, 8), {}, o); }},
    {"ddim", [](const NoisyScore& s, const Tensor& x, const Key&,
                const SamplerOptions& o) { return ddim(s, x, geometric_course(schedule, 8), o); }},
    {"dpm_solver", [](const NoisyScore& s, const Tensor& x, const Key&,
                      const SamplerOptions& o) { return dpm_solver(s, x, geometric_course(schedule, 8), o); }},
    {"dormand_prince",
     [](const NoisyScore& s, const Tensor& x, const Key&, const SamplerOptions& o) {
       return probability_flow(s, x, course(schedule, {3.0, 0.1}), {Method::dormand_prince}, o);
     }},
};

const Tensor start = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64);
// A score with a parameter: the mixture's, scaled.
NoisyScore scaled_score(const Tensor& w) {
  return [w](const Tensor& x, const Tensor& t) { return w * law.noised(1, t).score(x); };
}

volatile std::sig_atomic_t signalled = 0;

}  // namespace

TEST_CASE("a run in pieces makes the steps of one run, bit for bit") {
  for (const auto& [name, sampler] : every_sampler) {
    CAPTURE(name);
    if (name == "dpm_solver" || name == "dormand_prince") continue;  // the one starts anew with first order, the other makes one step
    const NoisyScore score = scaled_score(scalar(1, f64));
    const Samples whole = sampler(score, start, Key(3), {});
    REQUIRE(whole.steps == 8);
    // The first piece is stopped after three steps, the second makes the rest.
    int64_t seen = 0;
    const Samples first = sampler(score, start, Key(3), {.progress = [&](double done) {
                                    CHECK(apart(done, static_cast<double>(++seen) / 8) < 1e-15);
                                    return seen < 3;
                                  }});
    CHECK((first.stopped && first.steps == 3));
    const Samples rest = sampler(score, first.x, Key(3), {.first = 3});
    CHECK((!rest.stopped && rest.steps == 5));
    CHECK(apart(rest.x, whole.x) == 0);
    // Another key, another result, wherever there is noise.
    const bool noisy = apart(sampler(score, start, Key(4), {}).x, whole.x) > 0;
    CHECK(noisy == (name != "probability_flow" && name != "ddim"));
  }
}

TEST_CASE("particles do not see each other") {
  for (const auto& [name, sampler] : every_sampler) {
    CAPTURE(name);
    // The same noise for a particle alone as among others.
    const auto noise = [](int64_t draw, const Tensor& x) { return slice_axis(normal({3, 2}, Key(5).fold(draw), f64), 0, 0, x.extent(0)); };
    const NoisyScore score = scaled_score(scalar(1, f64));
    // MALA's uniforms do not come from `noise`, and Dormand and Prince choose their steps for all.
    if (name == "mala" || name == "dormand_prince") continue;
    const Tensor three = sampler(score, start, Key(3), {.noise = noise}).x,
                 one = sampler(score, slice_axis(start, 0, 0, 1), Key(3), {.noise = noise}).x;
    CHECK(apart(slice_axis(three, 0, 0, 1), one) < 1e-14);
  }
}

TEST_CASE("nothing is recorded and no memory grows unless it is asked for") {
  const Tensor w = scalar(1.1, f64).requires_grad();
  for (const auto& [name, sampler] : every_sampler) {
    CAPTURE(name);
    const Tensor x = start.detach().requires_grad();
    bool tracked = false;
    std::vector<size_t> live;
    const Samples plain = sampler(scaled_score(w), x, Key(3), {.observe = [&](int64_t, const Tensor& y) {
                                    tracked = tracked || y.tracked();
                                    live.push_back(memory(default_device()).live);
                                  }});
    CHECK_FALSE((tracked || plain.x.tracked()));
    CHECK(live.back() <= live.at(live.size() > 1 ? 1 : 0) + 1024);
    CHECK(sampler(scaled_score(w), x, Key(3), {.differentiable = true}).x.tracked());
    const NoGrad off;
    CHECK_FALSE(sampler(scaled_score(w), x, Key(3), {.differentiable = true}).x.tracked());
  }
}

TEST_CASE("a differentiable sampler has the gradients that differences find, in the start and in the score's parameter") {
  for (const auto& [name, sampler] : every_sampler) {
    CAPTURE(name);
    const Sampler& run = sampler;
    check_gradients([&](const Tensors& in) { return run(scaled_score(in[1]), in[0], Key(3), {.differentiable = true}).x; },
                    {start, scalar(1.1, f64)}, {.order = 1});
  }
}

TEST_CASE("a score that needs a gradient to compute itself works without anything being recorded") {
  const ScoreFunction by_gradient = [](const Tensor& x) {
    const RecordingScope on(true);
    const Tensor at = x.detach().requires_grad();
    return grad(sum(law.log_density(at)), at);
  };
  const Tensor a = langevin(by_gradient, start, {0.1, 5}, Key(1)).x;
  CHECK(apart(a, langevin([](const Tensor& x) { return law.score(x); }, start, {0.1, 5}, Key(1)).x) < 1e-13);
  CHECK_FALSE(a.tracked());
}

TEST_CASE("a signal's flag stops a sampler, which returns what it has") {
  std::signal(SIGINT, [](int) { signalled = 1; });
  Tensor last;
  SamplerOptions options{.observe = [&](int64_t step, const Tensor& x) {
    last = x;
    if (step == 2) std::raise(SIGINT);
  }};
  options.stop = &signalled;
  const Samples got = langevin([](const Tensor& x) { return -x; }, start, {0.1, 1000}, Key(1), options);
  std::signal(SIGINT, SIG_DFL);
  signalled = 0;
  CHECK((got.stopped && got.steps == 2 && got.evaluations == 2));
  CHECK(apart(got.x, last) == 0);
}

TEST_CASE("images are particles like rows, with the same draws") {
  const Tensor rows = normal({3, 12}, Key(4), f64), images = reshape(rows, {3, 3, 2, 2});
  const NoisyScore score = [](const Tensor& x, const Tensor& level) { return -x / (square(level) + 0.5); };
  for (const auto& sampler : every_sampler) {
    CAPTURE(sampler.first);
    if (sampler.first == "mala") continue;  // its densities are of rows
    const Samples flat = sampler.second(score, rows, Key(5), {}), whole = sampler.second(score, images, Key(5), {});
    CHECK(apart(whole.x, reshape(flat.x, images.shape())) == 0);
  }
  const auto density = [](const Tensor& x) { return DensityAndScore{-0.5 * sum(square(x), {-1}), -x}; };
  CHECK(contains(message_of([&] { mala(density, images, {0.1, 2}, Key(1)); }), "mala: [n, d] wanted for the particles, [3, 3, 2, 2] came"));
}

TEST_CASE("what does not fit is refused with the name of the sampler") {
  const ScoreFunction narrow_score = [](const Tensor& x) { return select(x, 1, 0); };
  const ScoreFunction score = [](const Tensor& x) { return -x; };
  CHECK(contains(message_of([&] { langevin(narrow_score, start, {0.1, 2}, Key(1)); }), "langevin: [3, 2] wanted for the score, [3] came"));
  const ScoreFunction other_type = [](const Tensor& x) { return x.to(float32); };
  CHECK(contains(message_of([&] {
                   langevin(other_type, start, {0.1, 2}, Key(1));
                 }),
                 "langevin: float64 [3, 2] wanted for the score, float32 [3, 2] came"));
  CHECK(contains(message_of([&] {
                   langevin(score, zeros({3}, f64), {0.1, 2}, Key(1));
                 }),
                 "langevin: floating [n, d], or [n, ..] for images, wanted for the particles, float64 [3] came"));
  CHECK(contains(message_of([&] { langevin(score, start, {-0.1, 2}, Key(1)); }), "steps of size -0.1"));
  const NoisyScore noisy = scaled_score(scalar(1, f64));
  CHECK(contains(message_of([&] { reverse_sde(noisy, start, course(schedule, {0.1, 1.0}), Key(1)); }), "falling order"));
  CHECK(contains(message_of([&] { annealed_langevin(noisy, start, {.sigmas = {}}, Key(1)); }), "0 noise levels"));
  CHECK(contains(message_of([&] { course(schedule, std::vector<double>{1}); }), "fewer than two times"));
  CHECK(contains(message_of([&] {
                   langevin(score, start, {0.1, 2}, Key(1), {.noise = [](int64_t, const Tensor&) { return zeros({2, 2}, f64); }});
                 }),
                 "langevin: [3, 2] wanted for the noise, [2, 2] came"));
}

TEST_CASE("networks and compiled scores are scores as they are") {
  const Tensor x = normal({20, 2}, Key(1), f64) * 3;
  const nn::ScoreMLP net({.inputs = 2, .hidden = {8}}, nn::Predicts::eps, Key(2), f64);
  const nn::EnergyMLP energy({.inputs = 2, .hidden = {8}}, Key(3), f64);
  const Tensor got = heun(net, x, {.sigmas = schedule.ladder(8)}, Key(4)).x;
  CHECK_FALSE((got.tracked() || ddim(energy, x, geometric_course(schedule, 8)).x.tracked()));
  // The level comes as a tensor, so that one record serves all levels.
  auto compiled = compile([&](const Tensor& at, const Tensor& level) { return net(at, level).detach(); });
  const NoisyScore replayed = [&](const Tensor& at, const Tensor& level) { return compiled(at, level); };
  CHECK(apart(heun(replayed, x, {.sigmas = schedule.ladder(8)}, Key(4)).x, got) < 1e-13);
  CHECK(compiled.step().replays({x, scalar(1, f64)}));
}
