// The score of data on a circle, learned by denoising: the field that a small network finds, the true one in closed form, and how their
// difference grows with the distance from the data. A network that sees many noise levels knows its way from far.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/shapes.h"
#include "examples/experiment/experiment.h"
#include "losses/score_matching.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "report/plane.h"
#include "samplers/diffusion.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;

constexpr double low = 0.1, high = 3;  // noise levels

using Net = nn::Preconditioned<nn::NoisyMLP>;
Net make_net(const Key& key, Options options) {
  return {nn::NoisyMLP({.inputs = 2, .hidden = {96, 96}}, key, options), std::sqrt(0.5)};  // a coordinate's deviation on the circle
}

// Denoising score matching at levels drawn between `from` and `to`, weighted by sigma^2.
void train(Experiment& e, const Net& net, const FiniteData& data, double from, double to, int64_t steps, const char* name,
           report::Line& curve) {
  nn::Adam adam(nn::parameters(net), {.rate = nn::schedule::cosine(3e-3, steps)});
  const Key key = e.key(name);
  double recent = 0;
  for (int64_t i = 0; i < steps; ++i) {
    const Key now = key.fold(i);
    const Tensor x = data.sample(256, now.fold("x")), eps = normal({256, 2}, now.fold("eps"), e.options());
    const Tensor sigma = exp(std::log(from) + std::log(to / from) * uniform({256}, now.fold("sigma"), e.options()));
    const Tensor xt = x + unsqueeze(sigma, 1) * eps, loss = mean(square(sigma) * losses::dsm(net(xt, sigma), eps, sigma));
    adam.step(grad(loss, adam.parameters()));
    recent += loss.item() / 100;
    if ((i + 1) % 100 == 0) {
      curve.x.push_back(static_cast<double>(i + 1));
      curve.y.push_back(recent);
      recent = 0;
      e.progress(static_cast<double>(i) / static_cast<double>(steps), name);
    }
  }
}

// Root mean square of sigma |s - s*| and of sigma |s*| on circles of radius r about the origin.
struct Error {
  double error, size;
};
Error on_circle(const Net& net, const FiniteData& data, double r, double sigma, Options o) {
  const NoGrad guard;
  const Tensor x = shapes::circle(100, r, o).points, truth = data.noised(1, sigma).score(x), s = net(x, scalar(sigma, o));
  return {sigma * std::sqrt(2 * mean(square(s - truth)).item()), sigma * std::sqrt(2 * mean(square(truth)).item())};
}

// Directions of a field on a grid, each a third of a cell long, over the size of its error as colours.
report::Panel panel(const std::string& title, const ScoreFunction& field, const ScoreFunction& truth, double extent, Options o) {
  const NoGrad guard;
  const auto grid = [&](int64_t m) {
    const Tensor at = extent * ((2 * arange(0, static_cast<double>(m), 1, o) + 1) / static_cast<double>(m) - 1);
    return stack({flatten(broadcast_to(unsqueeze(at, 0), {m, m})), flatten(broadcast_to(unsqueeze(at, 1), {m, m}))}, 1);
  };
  report::Panel out{.title = title};
  const Tensor fine = grid(40), error = norm(field(fine) - truth(fine), {1}) / (norm(truth(fine), {1}) + 1);
  out.colours = {
      .columns = 40, .rows = 40, .values = minimum(error, 1.0).to_vector<double>(), .label = "error, relative", .low = 0, .high = 1};
  const Tensor coarse = grid(18), s = field(coarse), unit = s / (norm(s, {1}, true) + 1e-6) * (extent / 14);
  const auto column = [](const Tensor& t, int64_t j) { return select(t, 1, j).to_vector<double>(); };
  out.arrows = {column(coarse - 0.5 * unit, 0), column(coarse - 0.5 * unit, 1), column(unit, 0), column(unit, 1)};
  return out;
}

void body(Experiment& e) {
  const Options o = e.options();
  const FiniteData data = shapes::circle(512, 1, o);
  const int64_t steps = e.size(3000, 20000);
  const Net single = make_net(e.key("single"), o), many = make_net(e.key("many"), o);
  report::LineChart losses{.caption = "sigma^2-weighted denoising loss, mean of 100 steps",
                           .alt = "Both fall and level off at the part of the noise that cannot be predicted.",
                           .x_label = "step",
                           .y_label = "loss",
                           .lines = {{"sigma = 0.1 alone", {}, {}}, {"0.1 to 3", {}, {}}}};
  train(e, single, data, low, low, steps, "one level", losses.lines[0]);
  train(e, many, data, low, high, steps, "many levels", losses.lines[1]);

  e.heading("The field at sigma = 0.1, by distance from the circle");
  report::LineChart by_distance{
      .caption = "Root mean square of sigma |s - s*| at distance r - 1 from the circle",
      .alt = "Small within a few sigma, growing beyond.",
      .x_label = "distance from the circle (negative: inside)",
      .y_label = "error",
      .lines = {{"trained at sigma = 0.1", {}, {}}, {"trained at 0.1 to 3", {}, {}}, {"size of the true score", {}, {}}},
      .log_y = true};
  for (double r = 0.02; r < 2.51; r += 0.04) {
    const Error one = on_circle(single, data, r, low, o), all = on_circle(many, data, r, low, o);
    const std::array<double, 3> y = {one.error, all.error, one.size};
    for (size_t k = 0; k < 3; ++k) {
      by_distance.lines[k].x.push_back(r - 1);
      by_distance.lines[k].y.push_back(y[k]);
    }
  }
  // Over the noised data themselves, and beyond ten sigma.
  const auto rms = [](const std::vector<double>& y, const std::vector<double>& x, double from, double to) {
    double total = 0, n = 0;
    for (size_t i = 0; i < x.size(); ++i)
      if (std::abs(x[i]) >= from && std::abs(x[i]) < to) total += y[i] * y[i], ++n;
    return std::sqrt(total / n);
  };
  report::Table table{.head = {"distance from the circle", "error, one level", "error, many levels", "size of the true score"}, .rows = {}};
  std::vector<std::array<double, 3>> bands;
  for (const auto& [from, to] : {std::pair{0.0, 0.1}, {0.1, 0.2}, {0.2, 0.4}, {0.4, 0.8}, {0.8, 1.6}}) {
    bands.emplace_back();
    for (size_t k = 0; k < 3; ++k) bands.back()[k] = rms(by_distance.lines[k].y, by_distance.lines[k].x, from, to);
    table.rows.push_back(
        {fmt::format("{} to {}", from, to), number(bands.back()[0], 3), number(bands.back()[1], 3), number(bands.back()[2], 3)});
  }
  e.table("by-distance", table);
  e.figure("by-distance-curve", by_distance);
  const auto at_low = [&](const Net& net) { return [&net, o](const Tensor& x) { return net(x, scalar(low, o)); }; };
  const ScoreFunction truth = [&](const Tensor& x) { return data.noised(1, low).score(x); };
  e.figure("fields", draw(report::PlaneChart{
                         .caption = "Directions of the score at sigma = 0.1, and how far they are off",
                         .alt = "Near the circle the learned arrows are the true ones; in the middle and far outside they are not.",
                         .from = -2.5,
                         .to = 2.5,
                         .panels = {panel("true", truth, truth, 2.5, o), panel("trained at 0.1", at_low(single), truth, 2.5, o),
                                    panel("trained at 0.1 to 3", at_low(many), truth, 2.5, o)}}));
  e.figure("loss", losses);
  e.expect_below("error of the single level within sigma of the circle", bands[0][0], 0.2);
  e.expect_above("its error at 4 to 8 sigma over that", bands[3][0] / bands[0][0], 5);
  e.expect_above("its error at 8 to 16 sigma over that", bands[4][0] / bands[0][0], 5);

  e.text(
      "Around the data the learned field is the true one. In the middle, where no noised datum ever lies, and beyond a few sigma outside "
      "it is whatever the "
      "network's shape makes of it: the training had no part in it.");

  e.heading("Each noise level knows the region that it is used in");
  e.text(
      "The noised data at level sigma lie within about 2 sigma of the circle. There the network of many levels is right at every level, so "
      "that a path that lowers the noise slowly is never lost.");
  report::Table levels{.head = {"sigma", "error within 2 sigma", "size of the true score there"}, .rows = {}};
  double worst = 0;
  for (double sigma : geometric_ladder(high, low, 6)) {
    double error = 0, size = 0;
    const Tensor x = data.noised(1, sigma).sample(2000, e.key("there").fold(levels.rows.size()));
    {
      const NoGrad guard;
      const Tensor want = data.noised(1, sigma).score(x), s = many(x, scalar(sigma, o));
      error = sigma * std::sqrt(2 * mean(square(s - want)).item()), size = sigma * std::sqrt(2 * mean(square(want)).item());
    }
    worst = std::max(worst, error / size);
    levels.rows.push_back({number(sigma, 3), number(error, 3), number(size, 3)});
  }
  e.table("by-level", levels);
  e.expect_below("largest error relative to the score's size, over the noised data", worst, e.quick() ? 0.4 : 0.25);

  const Tensor from_noise =
      heun(many, high * normal({2000, 2}, e.key("noise"), o), {.sigmas = Edm{.sigma_min = low, .sigma_max = high}.ladder(24)}, e.key("edm"))
          .x;
  const Tensor radius = norm(from_noise, {1});
  e.expect_near("radius of 2000 samples drawn from noise", mean(radius).item(), 1, 0.05);
  e.expect_below("its standard deviation", std::sqrt(var(radius).item()), 0.1);
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words, {.name = "circle", .title = "A learned score and its distance from the data"},
                                   scoregrad::body);
}
