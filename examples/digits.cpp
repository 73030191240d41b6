// A score model of images: a U-Net learns the score of 8 x 8 digits given their class, and Heun's sampler draws the digits one asks for.
// Whether they are what was asked for is judged by the nearest of many digits that the network has not seen.
#include <fmt/format.h>

#include "autograd/graph/gradient.h"
#include "distributions/images.h"
#include "examples/experiment/experiment.h"
#include "losses/score_matching.h"
#include "nn/ema.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "nn/unet.h"
#include "report/image_grid.h"
#include "samplers/diffusion.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;

constexpr double deviation = 0.7;  // of the pixels, which lie between -1 and 1
constexpr int64_t side = 8;

struct Digits {
  Tensor x;       // [n, 1, 8, 8]
  Tensor labels;  // int64 [n]

  Digits(int64_t n, const Key& key, Options o) {
    const Images drawn = drawn_digits(n, key, o);
    x = unsqueeze(drawn.pixels * 2 - 1, 1), labels = drawn.labels;
  }
  // The place of the nearest one to each image, and how far it is.
  Tensor nearest(const Tensor& images) const { return argmin(distances(images), 1); }
  double mean_distance(const Tensor& images) const { return mean(sqrt(min(distances(images), {1}))).item(); }

 private:
  Tensor distances(const Tensor& images) const {
    const Tensor a = flatten(images, 1), b = flatten(x, 1);
    return maximum(sum(square(a), {1}, true) + sum(square(b), {1}) - 2 * matmul(a, transpose(b)), 0);
  }
};

void body(Experiment& e) {
  const Options o = e.options();
  const int64_t steps = e.size(800, 3000), batch = 64, each = e.size(8, 20);
  const nn::UNetOptions shape{.widths = {16, 32}, .embedding = 32, .condition = 10, .groups = 4};
  const nn::Preconditioned<nn::UNet> net{nn::UNet(shape, e.key("net"), o), deviation};
  nn::Adam adam(nn::parameters(net), {.rate = 4e-3});
  nn::EMA average(nn::parameters(net), {.decay = e.quick() ? 0.99 : 0.998});
  const Edm noise{.sigma_min = 0.02, .sigma_max = 20};

  std::vector<double> at, losses;
  double recent = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const Key now = e.key("train").fold(i);
    const Digits data(batch, now.fold("data"), o);
    const Tensor sigma = noise.levels(batch, now.fold("sigma"), o), eps = normal(data.x.shape(), now.fold("eps"), o);
    const Tensor s = net(data.x + reshape(sigma, {batch, 1, 1, 1}) * eps, sigma, one_hot(data.labels, 10, o.dtype));
    // Karras et al.'s weight makes an untrained network's loss one at every level; per pixel.
    const Tensor weight = square(sigma) * (square(sigma) + deviation * deviation) / (deviation * deviation);
    const Tensor loss = mean(weight * losses::dsm(flatten(s, 1), flatten(eps, 1), sigma)) * (2.0 / (side * side));
    adam.step(grad(loss, adam.parameters()));
    average.update();
    recent = i == 0 ? loss.item() : 0.95 * recent + 0.05 * loss.item();
    if ((i + 1) % (steps / 50) == 0) at.push_back(static_cast<double>(i + 1)), losses.push_back(recent);
    e.progress(static_cast<double>(i) / static_cast<double>(steps), "training");
  }

  // Asked for: each digit `each` times, a row a digit.
  std::vector<int64_t> wanted;
  for (int64_t i = 0; i < 10 * each; ++i) wanted.push_back(i / each);
  const Tensor labels = indices(wanted), c = one_hot(labels, 10, o.dtype);
  const Tensor start = noise.sigma_max * normal({10 * each, 1, side, side}, e.key("start"), o);
  const auto score = [&](const Tensor& x, const Tensor& sigma) { return net(x, sigma, c); };
  Tensor drawn;
  {
    const auto as_average = average.swapped();
    drawn = heun(score, start, {.sigmas = noise.ladder(18)}, e.key("sample")).x;
  }
  const NoGrad plain;
  const Digits judge(e.size(2000, 4000), e.key("judge"), o), others(10 * each, e.key("others"), o);
  const auto agreement = [&](const Tensor& images, const Tensor& said) {
    return mean((index_select(judge.labels, 0, judge.nearest(images)) == said).to(float64)).item();
  };
  const double right = agreement(drawn, labels), ceiling = agreement(others.x, others.labels);
  const double away = judge.mean_distance(drawn), usual = judge.mean_distance(others.x);

  e.text(
      fmt::format("A U-Net of {} parameters, {} steps of Adam with batches of {}, then {} images by 18 levels of Heun's method with the "
                  "averaged parameters.",
                  nn::parameter_count(net), steps, batch, 10 * each));
  report::Table table{.head = {"", "nearest unseen digit is the one asked for", "mean distance to it"}, .rows = {}};
  table.rows.push_back({"drawn by the network", number(right, 3), number(away, 3)});
  table.rows.push_back({"other digits", number(ceiling, 3), number(usual, 3)});
  e.table("judged", table);
  e.figure("loss", report::LineChart{.caption = "Loss per pixel, one for an untrained network",
                                     .alt = "It falls.",
                                     .x_label = "step",
                                     .y_label = "weighted loss",
                                     .lines = {{"running mean", at, losses}},
                                     .log_y = true});
  report::Figure rows = report::image_figure(drawn, "What the network drew: a row for each digit from 0 to 9", "Ten rows of digits.",
                                             {.columns = each, .black = -1}, 5);
  rows.data = table;
  e.figure("digits", rows);
  e.expect_below("weighted loss per pixel at the end", losses.back(), e.quick() ? 0.3 : 0.2);
  e.expect_above("share of images whose nearest unseen digit is the one asked for", right, e.quick() ? 0.8 : 0.95);
  e.expect_below("their distance to it, in units of what is usual among digits", away / usual, e.quick() ? 2.2 : 1.5);
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words, {.name = "digits", .title = "Digits drawn by a score model"}, scoregrad::body);
}
