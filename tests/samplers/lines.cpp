// Whatever goes wrong in a sampler names a line of the program that called it, also inside a score of its own.
#include "distributions/gaussian.h"
#include "samplers/diagnostics.h"
#include "samplers/diffusion.h"
#include "samplers/discrepancy.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

void names_us(const std::function<void()>& f) { speaks_of(__FILE__, f); }

const Options f64{float64};
const Tensor x = ones({5, 2}, f64);
const Key key(1);

}  // namespace

TEST_CASE("a score that fails, or returns another shape or element type, names the caller") {
  const Course times = course(VE{}, {1, 0.5, 0.1});
  for (const ScoreFunction& s :
       std::vector<ScoreFunction>{[](const Tensor& t) { return t.to(float32); }, [](const Tensor& t) { return sum(t, {1}); },
                                  [](const Tensor& t) { return matmul(t, t); }, logical_not}) {
    const NoisyScore noisy = [s](const Tensor& t, const Tensor&) { return s(t); };
    names_us([&] { langevin(s, x, {0.1, 2}, key); });
    names_us([&] { annealed_langevin(noisy, x, {.sigmas = {1, 0.5}, .count = 2}, key); });
    names_us([&] { reverse_sde(noisy, x, times, key); });
    names_us([&] { ancestral(noisy, x, times, key); });
    names_us([&] { heun(noisy, x, {.sigmas = {1, 0.5}}, key); });
    names_us([&] { predictor_corrector(noisy, x, times, {}, key); });
    names_us([&] { probability_flow(noisy, x, times); });
    names_us([&] { ddim(noisy, x, times); });
    names_us([&] { dpm_solver(noisy, x, times); });
    names_us([&] { kernel_stein_discrepancy(x, s); });
  }
}

TEST_CASE("a sampler and a diagnostic that are given what they cannot use name the caller") {
  const ScoreFunction s = [](const Tensor& t) { return -t; };
  for (const std::function<void()>& f : std::vector<std::function<void()>>{[&] {
                                                                             langevin(s, zeros({3}, f64), {0.1, 2}, key);
                                                                           },
                                                                           [&] {
                                                                             langevin(s, x, {-1, 2}, key);
                                                                           },
                                                                           [&] { r_hat(ones({3}, f64)); }, [&] { autocorrelation(x, -1); },
                                                                           [&] {
                                                                             mean_discrepancy(x, ones({4, 3}, f64));
                                                                           },
                                                                           [&] {
                                                                             sliced_wasserstein(x, ones({4, 3}, f64), key);
                                                                           },
                                                                           [&] { wilson(2, 1); }})
    names_us(f);
}
