// What an average of the parameters is for: the same training run, sampled every so often with its parameters as they are and with their
// exponential moving average. The samples of the first jump about from one look to the next, those of the second do not.
#include <fmt/format.h>

#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/shapes.h"
#include "examples/experiment/experiment.h"
#include "losses/score_matching.h"
#include "nn/ema.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "report/plane.h"
#include "samplers/diffusion.h"
#include "samplers/discrepancy.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;

constexpr double low = 0.02, high = 10;  // noise levels

struct Looks {
  std::vector<double> step, quality;
  // Mean and standard deviation over the second half.
  double mean() const {
    double sum = 0, n = 0;
    for (size_t i = quality.size() / 2; i < quality.size(); ++i) sum += quality[i], ++n;
    return sum / n;
  }
  double deviation() const {
    const double m = mean();
    double sum = 0, n = 0;
    for (size_t i = quality.size() / 2; i < quality.size(); ++i) sum += (quality[i] - m) * (quality[i] - m), ++n;
    return std::sqrt(sum / (n - 1));
  }
};

void body(Experiment& e) {
  const Options o = e.options();
  const int64_t n = e.size(1000, 2000), steps = e.size(3000, 20000), every = steps / 30;
  const nn::Preconditioned<nn::NoisyMLP> net{nn::NoisyMLP({.inputs = 2, .hidden = {64, 64}}, e.key("net"), o), 0.7};
  nn::Adam adam(nn::parameters(net), {.rate = 5e-3});
  nn::EMA average(nn::parameters(net), {.decay = e.quick() ? 0.995 : 0.998});
  const Tensor exact = shapes::two_moons(n, e.key("exact"), 0.05, o), start = high * normal({n, 2}, e.key("start"), o);

  // The same noise at every look, so that what changes is the network.
  const auto samples = [&] { return heun(net, start, {.sigmas = Edm{.sigma_min = low, .sigma_max = high}.ladder(24)}, e.key("edm")).x; };
  const auto distance = [&](const Tensor& x) { return sliced_wasserstein(x, exact, e.key("directions"), 64); };
  double floor = 0;
  for (int64_t i = 0; i < 5; ++i) floor += distance(shapes::two_moons(n, e.key("again").fold(i), 0.05, o)) / 5;

  Looks plain, averaged;
  Tensor last_plain, last_averaged;
  for (int64_t i = 0; i < steps; ++i) {
    const Key now = e.key("train").fold(i);
    const Tensor x = shapes::two_moons(64, now.fold("x"), 0.05, o), eps = normal({64, 2}, now.fold("eps"), o);
    const Tensor sigma = exp(std::log(low) + std::log(high / low) * uniform({64}, now.fold("sigma"), o));
    const Tensor xt = x + unsqueeze(sigma, 1) * eps, loss = mean(square(sigma) * losses::dsm(net(xt, sigma), eps, sigma));
    adam.step(nn::clipped(grad(loss, adam.parameters()), 1));
    average.update();
    if ((i + 1) % every != 0) continue;
    plain.step.push_back(static_cast<double>(i + 1));
    averaged.step.push_back(static_cast<double>(i + 1));
    plain.quality.push_back(distance(last_plain = samples()));
    {
      const auto as_average = average.swapped();
      averaged.quality.push_back(distance(last_averaged = samples()));
    }
    e.progress(static_cast<double>(i) / static_cast<double>(steps), "training");
  }

  e.text(
      fmt::format("Two moons, {} steps of Adam at a constant rate with batches of 64; every {} steps {} samples from the same noise, and "
                  "their sliced Wasserstein distance to as many exact ones.",
                  steps, every, n));
  report::Table table{.head = {"parameters", "mean distance, second half", "standard deviation", "last"}, .rows = {}};
  table.rows.push_back({"as they are", number(plain.mean(), 3), number(plain.deviation(), 3), number(plain.quality.back(), 3)});
  table.rows.push_back({"averaged", number(averaged.mean(), 3), number(averaged.deviation(), 3), number(averaged.quality.back(), 3)});
  table.rows.push_back({"exact samples among themselves", number(floor, 3), "", ""});
  e.table("quality", table);
  e.figure("quality-by-step", report::LineChart{.caption = "Distance of the samples from the data",
                                                .alt = "The line of the plain parameters jumps, that of the average falls smoothly.",
                                                .x_label = "step",
                                                .y_label = "sliced Wasserstein distance",
                                                .lines = {{"parameters as they are", plain.step, plain.quality},
                                                          {"averaged", averaged.step, averaged.quality},
                                                          {"exact samples", {plain.step.front(), plain.step.back()}, {floor, floor}}},
                                                .log_y = true});
  const auto panel = [](const std::string& title, const Tensor& x) {
    return report::Panel{.title = title, .points = {{"", select(x, 1, 0).to_vector<double>(), select(x, 1, 1).to_vector<double>()}}};
  };
  e.figure("samples", draw(report::PlaneChart{.caption = "Samples at the end",
                                              .alt = "Two moons each.",
                                              .from = -1.5,
                                              .to = 2.5,
                                              .panels = {panel("exact", exact), panel("parameters as they are", last_plain),
                                                         panel("averaged", last_averaged)}}));

  const double ratio = plain.deviation() / averaged.deviation();
  e.expect_above("variance over the looks of the second half, without the average over with it", ratio * ratio, 2);
  e.expect_below("mean distance with the average less without", averaged.mean() - plain.mean(), 0);
  e.expect_below("mean distance with the average", averaged.mean(), 0.15);
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words, {.name = "averaging", .title = "Samples with and without an average of the parameters"},
                                   scoregrad::body);
}
