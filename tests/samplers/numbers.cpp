// Numbers that would lead a sampler to NaN or somewhere else in silence: each is refused before the first step.
#include <cmath>

#include "distributions/gaussian.h"
#include "samplers/diffusion.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

const Options f64{.dtype = float64};
const double none = NAN, infinite = INFINITY;

Tensor score(const Tensor& x) { return -x; }
NoisyScore noisy(const Edm& s) {
  return [s](const Tensor& x, const Tensor& t) { return -x / (1 + square(s.sigma(t))); };
}
// A message that names the sampler.
template <class F>
void refused(const char* name, const F& f) {
  CAPTURE(name);
  CHECK(contains(message_of([&] { f(); }), name));
}

}  // namespace

TEST_CASE("times that repeat, turn back or are not finite make no course, whoever steps through it") {
  const Edm schedule;
  const Tensor x = ones({3, 1}, f64);
  for (const std::vector<double>& times :
       {std::vector<double>{2, 1, 1, 0.5}, {2, 0.5, 1}, {2, none, 1}, {none, 1}, {2, infinite}, {1}, {}, {2, -1}}) {
    refused("course: ", [&] { course(schedule, times); });
    const Course made{course(schedule, {2, 1}).at, times};  // as a program may fill the struct itself
    const NoisyScore s = noisy(schedule);
    refused("dpm_solver: ", [&] { dpm_solver(s, x, made); });
    refused("ddim: ", [&] { ddim(s, x, made); });
    refused("probability_flow: ", [&] { probability_flow(s, x, made); });
    refused("reverse_sde: ", [&] { reverse_sde(s, x, made, Key(1)); });
    refused("predictor_corrector: ", [&] { predictor_corrector(s, x, made, {}, Key(1)); });
    refused("ancestral: ", [&] { ancestral(s, x, made, Key(1)); });
    refused("log_likelihood: ", [&] {
      log_likelihood(
          s, x, made, [](const Tensor& p) { return sum(p, {1}); }, Key(1));
    });
  }
  for (int64_t steps : {int64_t{0}, int64_t{-3}, int64_t{1} << 40}) {
    refused("course: ", [&] { course(schedule, steps); });
    refused("geometric_course: ", [&] { geometric_course(schedule, steps); });
    refused("langevin: ", [&] { langevin(score, x, {.count = steps < 1 ? steps : -1}, Key(1)); });
  }
}

TEST_CASE("a step that divides by sigma does not begin where sigma is 0; one may end there") {
  const Edm schedule;
  const Tensor x = ones({3, 1}, f64);
  const Course rising = course(schedule, {0, 1, 2}), falling = course(schedule, {2, 1, 0});
  refused("dpm_solver: a step begins at time 0, where sigma is 0", [&] { dpm_solver(noisy(schedule), x, rising); });
  refused("ddim: a step begins at time 0", [&] { ddim(noisy(schedule), x, rising); });
  for (const Samples& s :
       {dpm_solver(noisy(schedule), x, falling), ddim(noisy(schedule), x, falling), ancestral(noisy(schedule), x, falling, Key(1))})
    CHECK(std::isfinite(sum(s.x).item()));
}

TEST_CASE("schedules without a positive range are refused wherever they are asked") {
  for (const VE& s : {VE{0, 50}, VE{-1, 50}, VE{1, 1}, VE{2, 1}, VE{none, 1}, VE{1, none}, VE{1, infinite}}) {
    CAPTURE(s.sigma_min, s.sigma_max);
    CHECK_THROWS_AS(s.sigma(0.5), Error);
    CHECK_THROWS_AS(s.sigma(ones({2})), Error);
    CHECK_THROWS_AS(s.diffusion2(0.5), Error);
    CHECK_THROWS_AS(s.time_at(0.5), Error);
    CHECK_THROWS_AS(course(s, 10), Error);
  }
  for (const LinearBeta& b : {LinearBeta{-1, 20}, LinearBeta{0, 0}, LinearBeta{none, 20}, LinearBeta{0.1, infinite}, LinearBeta{1, -1}}) {
    CAPTURE(b.beta_min, b.beta_max);
    CHECK_THROWS_AS(VP{b}.sigma(0.5), Error);
    CHECK_THROWS_AS(VP{b}.alpha(ones({2})), Error);
    CHECK_THROWS_AS(SubVP{b}.drift(0.5), Error);
    CHECK_THROWS_AS(VP{b}.time_at(1.0), Error);
  }
  CHECK_THROWS_AS((Edm{.sigma_min = 0}.ladder(5)), Error);
  CHECK_THROWS_AS((Edm{.sigma_min = 3, .sigma_max = 2}.ladder(5)), Error);
  CHECK_THROWS_AS((Edm{.rho = 0}.ladder(5)), Error);
  CHECK_THROWS_AS((Edm{.rho = none}.ladder(5)), Error);
  CHECK_THROWS_AS((Edm{.log_deviation = -1}.levels(5, Key(1))), Error);
  CHECK_THROWS_AS(Edm{}.levels(0, Key(1)), Error);
  CHECK_THROWS_AS(geometric_ladder(1, infinite, 3), Error);
  CHECK_THROWS_AS(stratified_times(Edm{}, 0, Key(1)), Error);
}

TEST_CASE("sizes, counts, tolerances and shares that are no such numbers are refused") {
  const Tensor x = ones({3, 1}, f64);
  const Edm schedule;
  const NoisyScore s = noisy(schedule);
  const auto law = [](const Tensor& p) { return distributions::DensityAndScore{-0.5 * sum(square(p), {1}), -p}; };
  for (double bad : {0.0, -1.0, none, infinite}) {
    refused("langevin: ", [&] { langevin(score, x, {.size = bad}, Key(1)); });
    refused("mala: ", [&] { mala(law, x, {.size = bad}, Key(1)); });
    refused("mala_acceptance: ", [&] { mala_acceptance(bad); });
    refused("langevin_stationary: ", [&] { langevin_stationary(distributions::Gaussian::standard(1), bad); });
    refused("annealed_langevin: ", [&] { annealed_langevin(s, x, {.sigmas = {1}, .step = bad}, Key(1)); });
    refused("annealed_langevin: ", [&] { annealed_langevin(s, x, {.sigmas = {1, bad}}, Key(1)); });
    refused("predictor_corrector: ", [&] { predictor_corrector(s, x, course(schedule, 3), {.snr = bad}, Key(1)); });
  }
  refused("annealed_langevin: ", [&] { annealed_langevin(s, x, {.sigmas = {1, 2}}, Key(1)); });
  refused("annealed_langevin: ", [&] { annealed_langevin(s, x, {.sigmas = {1}, .count = 0}, Key(1)); });
  refused("mala: 0 steps", [&] { mala(law, x, {.count = 0}, Key(1)); });
  refused("langevin: 5 steps after -1", [&] { langevin(score, x, {.count = 5}, Key(1), {.first = -1}); });
  for (double bad : {-1.0, none, infinite}) {
    refused("ancestral: eta", [&] { ancestral(s, x, course(schedule, 3), Key(1), {}, bad); });
    refused("heun: ", [&] { heun(s, x, {.sigmas = {2, 1}, .churn = bad}, Key(1)); });
    refused("heun: ", [&] { heun(s, x, {.sigmas = {2, 1}, .noise = bad}, Key(1)); });
    refused("dormand_prince: ", [&] { probability_flow(s, x, course(schedule, 3), {.method = Method::dormand_prince, .relative = bad}); });
  }
  refused("heun: ", [&] { heun(s, x, {.sigmas = {infinite, 1}}, Key(1)); });
  refused("dormand_prince: ",
          [&] { probability_flow(s, x, course(schedule, 3), {.method = Method::dormand_prince, .relative = 0, .absolute = 0}); });
  refused("ancestral: sigma/alpha rises", [&] {  // a schedule whose noise falls with time
    const Course odd{[](double t) { return Stage{t, 1, 3 - t, 0, 1}; }, {2, 1}};
    ancestral(s, x, odd, Key(1));
  });
}

TEST_CASE("log densities with a column too many would broadcast, and are refused") {
  const Tensor x = ones({3, 1}, f64);
  const auto law = [](const Tensor& p) { return distributions::DensityAndScore{-0.5 * square(p), -p}; };
  refused("mala: [3] wanted for the log density, [3, 1] came", [&] { mala(law, x, {.count = 2}, Key(1)); });
  refused("log_likelihood: [3] wanted for the log density, [3, 1] came", [&] {
    log_likelihood(
        noisy({}), x, course(Edm{}, {0.1, 1}), [](const Tensor& p) { return -0.5 * square(p); }, Key(1));
  });
}
