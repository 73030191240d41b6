// A condition, an encoder and a data law optimised by denoising score matching, by DSM with a penalty on the score's norm, by DSM corrected
// with each estimator of C2, and by what is meant, explicit score matching.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "autograd/graph/gradient.h"
#include "examples/inputs/descent.h"
#include "losses/optima.h"
#include "losses/score_matching.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace inputs;

struct Ended {
  double distance, score_norm, cosine;
  double narrow;  // the step at which C2 was that of a law with deviation 0.1
};

// Every objective on one problem from the same start; returns where each ended.
std::map<std::string, Ended> study(Experiment& e, const std::string& name, const std::function<Problem()>& make, double rate, int64_t steps,
                                   const std::string& caption) {
  report::Table table{.head = {caption, "distance to ESM's optimum", "C2 a dimension", "cosine with ∇ESM at the start", "ms of CPU a step"},
                      .rows = {}};
  report::LineChart norms{.caption = caption + ": C2 a dimension, half the mean square of the true score, by step",
                          .alt = "Lines over the steps: DSM and DSM with the penalty rise to the bound, ESM and corrected ones level off.",
                          .x_label = "step",
                          .y_label = "C2 a dimension",
                          .lines = {}};
  std::map<std::string, Ended> out;
  const size_t count = make().objectives().size();
  for (size_t i = 0; i < count; ++i) {
    const Problem p = make();
    const Objective objective = p.objectives()[i];
    e.progress(0.5, name + ": " + objective.name);
    const double aligned =
        cosine(gradient(objective, p.parameters, static_cast<int>(e.size(20, 60)), e.key(name).fold("cosine")), p.esm_gradient);
    std::vector<double> distances;
    const Course course = descend(
        objective, p.parameters, rate, steps,
        [&] {
          distances.push_back(p.distance());
          return p.score_norm();
        },
        e.key(name).fold("descent"));
    double last = 0;
    const size_t from = distances.size() * 4 / 5;
    for (size_t k = from; k < distances.size(); ++k) last += distances[k] / static_cast<double>(distances.size() - from);
    if (!std::isfinite(course.final)) last = course.final;  // diverged
    out[objective.name] = {last, course.final, aligned, course.first_above(0.5 / (0.01 + 0.25))};
    table.rows.push_back({objective.name, number(last, 3), number(course.final, 4), number(aligned, 3), number(course.milliseconds, 3)});
    norms.lines.push_back({objective.name, course.step, course.measured});
  }
  e.table(name, table);
  e.figure(name, norms);
  return out;
}

// A condition that shapes its law, under a network that is exact at every condition: nothing is to be gained, and DSM moves all the same.
void condition(Experiment& e) {
  using namespace losses;
  const double sigma = 0.5, rate = 0.01;
  const int64_t steps = 100;
  const closed_form::FollowingScore by_hand{sigma};
  report::Table table{.head = {"c is the variance of x, s exact at every c", "variance after t = 1", "closed form"}, .rows = {}};
  report::LineChart chart{.caption = "The variance under a network that is exact at every condition",
                          .alt = "DSM's line falls along the closed form; the corrected ones stay near one.",
                          .x_label = "t",
                          .y_label = "variance of x",
                          .lines = {}};
  const auto run = [&](const std::string& name, double lambda, const estimate_c2::Critic* critic, bool exact) {
    Tensor v = full({1}, 1, e.options()).requires_grad();
    const auto score = [](const Tensor& xt, const Tensor& c) { return -xt / (c + 0.25); };
    const Objective objective{
        name, [&](const Key& key) {
          const Population p = population(Generated{v, Gaussian{zeros({1}, e.options()), reshape(sqrt(v), {1, 1})}}, {1, sigma});
          const Rows rows = p.draw(2000, key);
          const Tensor s = score(rows.xt, rows.c), plain = dsm(s, rows.eps, sigma) + score_norm(s, lambda);
          if (exact) return mean(corrected(s, rows, estimate_c2::Exact{}(p, rows, key)));
          return mean(critic ? corrected(s, rows, (*critic)(p, rows, key)) : plain);
        }};
    const Course course = descend(
        objective, {v}, rate, steps, [&] { return v.item(); }, e.key("condition"));
    report::Line line{name, {}, course.measured};
    for (double step : course.step) line.x.push_back(rate * step);
    chart.lines.push_back(line);
    return course.measured.back();
  };
  const estimate_c2::Critic critic{[](const Tensor& xt, const Tensor& c) { return -xt / (c + 0.25); }};
  const double dsm_end = run("DSM", 0, nullptr, false), penalty = run("DSM + ½|s|², both paths", 1, nullptr, false),
               by_exact = run("corrected, exact", 0, nullptr, true), by_critic = run("corrected, the network as critic", 0, &critic, false);
  table.rows = {{"DSM", number(dsm_end), number(by_hand.variance_at(1, 1))},
                {"DSM + ½|s|², followed through network and law", number(penalty), "1"},
                {"corrected, exact", number(by_exact), "1"},
                {"corrected, the network as critic", number(by_critic), "1"}};
  e.table("condition", table);
  e.figure("condition", chart);
  e.expect_near("DSM narrows the law as the closed form says", dsm_end, by_hand.variance_at(1, 1), 0.03);
  e.expect_near("corrected by the exact score it stays", by_exact, 1, 0.05);
  e.expect_near("corrected by the network as its own critic it stays", by_critic, 1, 0.05);
  e.expect_near("here the penalty with weight one is a correction: the network is exact around c", penalty, 1, 0.05);
}

void body(Experiment& e) {
  e.text(
      "Three things that are not weights are trained: a condition that shapes its law, an encoder, a data law. ESM has its optimum where "
      "the "
      "network says; DSM lacks C2, the mean square of the true score, and goes where that is large. Corrected is DSM + C2^ - C3.");
  e.heading("A condition under an exact network: no force but the bias");
  condition(e);

  e.heading("A data law under a frozen network");
  const int64_t steps = e.size(200, 400);
  for (int64_t d : e.quick() ? std::vector<int64_t>{1, 16} : std::vector<int64_t>{1, 4, 16, 64}) {
    const auto ended = study(
        e, fmt::format("law-{}", d), [&] { return input_law(d, e.options()); }, 0.05, steps, fmt::format("p(x) = N(m, diag v), d = {}", d));
    e.expect_near(fmt::format("d = {}: DSM ends in a point, where C2 = C3", d), ended.at("DSM").score_norm, 2, 0.02);
    e.expect_below(fmt::format("d = {}: with the penalty sooner, its sign is wrong", d), ended.at("DSM + ½|s|²").narrow,
                   0.75 * ended.at("DSM").narrow);
    for (const char* good : {"ESM", "corrected, exact", "corrected, learning critic"})
      e.expect_below(fmt::format("d = {}: {} comes to ESM's optimum", d, good), ended.at(good).distance, 0.12);
    e.expect_below(fmt::format("d = {}: DSM's gradient points away from ESM's at the start", d), ended.at("DSM").cosine, 0.8);
    e.expect_above(fmt::format("d = {}: the corrected one's along it", d), ended.at("corrected, exact").cosine, 0.97);
    if (d == 1) {
      e.expect_below("d = 1: so do 64 samples, left in", ended.at("corrected, leave-one-in 64").distance, 0.2);
      e.expect_below("d = 1: and multilevel", ended.at("corrected, multilevel near x_t").distance, 0.15);
    }
    if (d >= 16) e.expect_above(fmt::format("d = {}: 64 samples no longer do", d), ended.at("corrected, leave-one-in 64").distance, 0.3);
  }

  e.heading("An encoder under a fixed network");
  const double best = encoder_optimum(e.options());
  e.text(fmt::format("c = gain x + 0.5 η, s = -0.6 x_t + 0.4 c, σ = 0.7. ESM's best gain is {:.4f}, DSM's 1.5.", best));
  for (int64_t d : e.quick() ? std::vector<int64_t>{1} : std::vector<int64_t>{1, 16, 64}) {
    const auto ended = study(
        e, fmt::format("encoder-{}", d), [&] { return encoder(d, e.options()); }, 0.2 / static_cast<double>(d), e.size(150, 300),
        fmt::format("encoder, d = {}", d));
    e.expect_near(fmt::format("d = {}: DSM ends at the gain 1.5", d), ended.at("DSM").distance, 1.5 - best, 0.15);
    for (const char* good : {"ESM", "corrected, exact", "corrected, learning critic"})
      e.expect_below(fmt::format("d = {}: {} comes to ESM's optimum", d, good), ended.at(good).distance, 0.12);
    if (d == 1) {
      e.expect_below("d = 1: so do 64 samples, left in", ended.at("corrected, leave-one-in 64").distance, 0.15);
      e.expect_below("d = 1: DSM's gradient is opposite to ESM's at the start", ended.at("DSM").cosine, 0);
    }
  }
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words,
                                   {.name = "inputs",
                                    .title = "Optimising the input of denoising score matching, and taking its bias away",
                                    .options = {.dtype = scoregrad::float64}},
                                   scoregrad::body);
}
