// Distillation of a frozen score in the plane: a cloud of points under score distillation (SDS), under the whole gradient of the denoising
// loss, under the penalty on the score's norm, and under what takes the bias away. The cloud is meant to become the model's law; without
// C2, the entropy's force, it ends in points.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <map>

#include "autograd/graph/gradient.h"
#include "examples/experiment/experiment.h"
#include "losses/c2_estimators.h"
#include "losses/decomposition.h"
#include "losses/score_matching.h"
#include "nn/optimiser.h"
#include "report/plane.h"
#include "samplers/discrepancy.h"
#include "samplers/schedule.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;
using namespace losses;

// ---- one dimension, where the end points are known ------------------------------------------------------------------------------------
// A law under the frozen score of 0.3 N(-1.5, 0.4) + 0.7 N(1.5, 0.4) at one noise level; all expectations by quadrature.
struct FrozenMixture {
  Mixture model, noised;
  double sigma = 0.5;
  explicit FrozenMixture(Options o)
      : model{log(from({0.3, 0.7}, o)), from({-1.5, 1.5}, {2, 1}, o), full({2, 1, 1}, std::sqrt(0.4), o)}, noised(model.noised(1, 0.5)) {}
  Decomposition decomposed(const AnyDistribution& law, const Tensors& wanted) const {
    return decompose(Score([this](const Tensor& xt) { return noised.score(xt); }), InputDistribution{law},
                     {.sigma = sigma, .wrt = {{"p", wanted}}, .trace = Trace::none});
  }
};

void known_ends(Experiment& e) {
  const Options o = e.options();
  const FrozenMixture frozen(o);
  const auto leaf = [&](const std::vector<double>& v, const Shape& shape) { return from(v, shape, o).requires_grad(); };
  e.expect_near("DSM of the model itself", frozen.decomposed(frozen.model, {}).dsm.value.mean, 1.456903, 1e-6);

  // One Gaussian under DSM: it shrinks to a point that is not even the mode.
  const Tensor mean_ = leaf({1}, {1}), deviation = leaf({0.5}, {1, 1});
  Decomposition last;
  for (int i = 0; i < 120; ++i) {
    last = frozen.decomposed(Gaussian{mean_, deviation}, {mean_, deviation});
    const Tensors& g = last.dsm.gradient.at("p").total.mean;
    add_(mean_.detach(), -0.3 * g[0]);
    add_(deviation.detach(), -0.3 * g[1]);
  }
  e.expect_near("under DSM a Gaussian becomes a point: its deviation", std::abs(deviation.item()), 0, 1e-3);
  e.expect_near("at x = 1.572526, beside the mode at 1.5", mean_.item(), 1.572526, 1e-4);
  e.expect_near("where DSM is lower than at the model itself", last.dsm.value.mean, 0.811737, 1e-4);

  // A mixture of two under ESM: it finds the model.
  const Tensor weights = leaf({0, 0}, {2}), means = leaf({-1, 1.2}, {2, 1}), spreads = leaf({0.5, 0.5}, {2, 1, 1});
  const Tensors all = {weights, means, spreads};
  nn::Adam adam(all, {.rate = nn::schedule::cosine(0.05, 300, 0.002)});
  for (int i = 0; i < 300; ++i) adam.step(frozen.decomposed(Mixture{weights, means, spreads}, all).esm.gradient.at("p").total.mean);
  const std::vector<double> m = means.to_vector<double>(), s = spreads.to_vector<double>();
  e.expect_near("under ESM a mixture of two becomes the model: its lighter weight", exp(select(log_softmax(weights), 0, 0)).item(), 0.3,
                2e-3);
  e.expect_near("its left mode", m[0], -1.5, 5e-3);
  e.expect_near("its right mode", m[1], 1.5, 5e-3);
  e.expect_near("its variance", s[0] * s[0], 0.4, 5e-3);
}

// ---- a cloud in the plane --------------------------------------------------------------------------------------------------------------
Mixture model_of(Options o) {
  const Tensor root = 0.35 * eye(2, o);
  return {log(from({0.1, 0.2, 0.3, 0.4}, o)), from({-1.5, -1.5, -1.5, 1.5, 1.5, -1.5, 1.5, 1.5}, {4, 2}, o), broadcast_to(root, {4, 2, 2})};
}

// How a cloud is moved at one noise level: a value a row whose gradient in the points is followed.
using Pull = std::function<Tensor(const Mixture& noised, const Population& cloud, const Rows& rows, const Key& key)>;
struct Way {
  std::string name;
  Pull pull;
};
std::vector<Way> ways() {
  const auto s = [](const Mixture& noised, const Rows& r) { return noised.score(r.xt); };
  const auto corrected_by = [=](const C2Estimator& estimator) -> Pull {
    return
        [=](const Mixture& m, const Population& p, const Rows& r, const Key& key) { return corrected(s(m, r), r, estimator(p, r, key)); };
  };
  return {{"SDS", [=](const Mixture& m, const Population&, const Rows& r, const Key&) { return sds(s(m, r), r.eps, r.level.sigma, r.xt); }},
          {"DSM", [=](const Mixture& m, const Population&, const Rows& r, const Key&) { return dsm(s(m, r), r.eps, r.level.sigma); }},
          {"DSM + ½|s|²",
           [=](const Mixture& m, const Population&, const Rows& r, const Key&) {
             const Tensor at = s(m, r);
             return dsm(at, r.eps, r.level.sigma) + score_norm(at, 1);
           }},
          {"VSD, exact", [=](const Mixture& m, const Population& p, const Rows& r, const Key&) { return vsd(s(m, r), p.score(r), r.xt); }},
          {"corrected, exact", corrected_by(estimate_c2::Exact{})},
          {"corrected, leave-one-in 32", corrected_by(estimate_c2::LeaveOneIn{32})}};
}

struct Look {
  double score_norm, deviation, distance;
};
// C2 at sigma = 0.5; the root mean square distance of points from the mean of their mode's points; how far the cloud is from the model.
Look look_at(const Tensor& points, const Mixture& model, const Tensor& exact, const Key& key) {
  const NoGrad guard;
  const Population p = population(InputDistribution{FiniteData{points}}, {1, 0.5});
  const double norm = mean(c2(p.score(p.draw(2000, key.fold("norm"))))).item();
  const Tensor mode = one_hot(argmax(model.posterior(points), 1), 4, points.dtype());         // [n, 4]
  const Tensor count = maximum(sum(mode, {0}), scalar(1, like(points)));                      // [4]
  const Tensor centre = matmul(mode, matmul(transpose(mode), points) / unsqueeze(count, 1));  // [n, 2]
  return {norm, std::sqrt(0.5 * mean(sum(square(points - centre), {1})).item()), sliced_wasserstein(points, exact, key.fold("sliced"), 64)};
}

void cloud(Experiment& e) {
  const Options o = e.options();
  const Mixture model = model_of(o);
  const int64_t n = e.size(80, 300), steps = e.size(300, 2000), every = steps / 25;
  const std::vector<double> ladder = geometric_ladder(10, 0.2, 10);
  const Tensor start = 1.5 * normal({n, 2}, e.key("start"), o), exact = model.sample(n, e.key("exact"));
  const Population of_model = population(InputDistribution{model}, {1, 0.5});
  const double model_norm = mean(c2(of_model.score(of_model.draw(20000, e.key("norm"))))).item();
  const Look ideal = look_at(exact, model, model.sample(n, e.key("again")), e.key("look"));
  e.text(
      fmt::format("{} points under the exact score of four modes with weights 0.1, 0.2, 0.3 and 0.4, at ten noise levels from 10 to 0.2 "
                  "with NCSN's weights. C2 at σ = 0.5 is {:.3f} for the model's law and {:.3f} for {} exact samples of it; a mode's "
                  "deviation is 0.35. C3 is 4, which only points far apart reach.",
                  n, model_norm, ideal.score_norm, n));

  report::Table table{.head = {"followed", "C2 at σ = 0.5", "deviation in a mode", "sliced Wasserstein distance", "ms a step"},
                      .rows = {{"exact samples", number(ideal.score_norm), number(ideal.deviation, 3), number(ideal.distance, 3), ""}}};
  report::LineChart norms{
      .caption = "C2 of the cloud at σ = 0.5 by step",
      .alt = "SDS, DSM and DSM with the penalty rise above the model's value as the cloud collapses; the others level off near it.",
      .x_label = "step",
      .y_label = "C2",
      .lines = {}},
      spreads = norms;
  spreads.caption = "Deviation of the points within their mode by step; the model's is 0.35";
  spreads.alt = "SDS and DSM fall to zero, the corrected losses settle near 0.35.";
  spreads.y_label = "deviation";
  report::PlaneChart plane{.caption = "Where the clouds end",
                           .alt = "Panels of points: few dots under SDS and DSM, four clouds for the others.",
                           .from = -3,
                           .to = 3,
                           .panels = {}};
  std::map<std::string, Look> ended;
  for (const Way& way : ways()) {
    const Tensor points = start.detach() + 0;
    Tensor moved = clone(points).requires_grad();
    nn::Adam adam({moved}, {.rate = nn::schedule::cosine(0.05, steps, 0.004)});
    report::Line norm{way.name, {}, {}}, spread = norm;
    double seconds = 0;
    for (int64_t i = 0; i < steps; ++i) {
      const Key now = e.key("descent").fold(i);
      const auto begin = std::chrono::steady_clock::now();
      Tensor total;
      // Two levels a step, all ten in five.
      for (const size_t level : {static_cast<size_t>(i % 5), static_cast<size_t>(i % 5) + 5}) {
        const double sigma = ladder[level];
        const Population p = population(InputDistribution{FiniteData{moved}}, {1, sigma});
        const Rows rows = p.draw(2 * n, now.fold(level));
        const Tensor one = sigma * sigma * mean(way.pull(model.noised(1, sigma), p, rows, now.fold("inner")));
        total = total.defined() ? total + one : one;
      }
      adam.step(grad(total, adam.parameters()));
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (i % every == 0 || i + 1 == steps) {
        const Look look = look_at(moved, model, exact, e.key("look"));
        for (report::Line* line : {&norm, &spread}) line->x.push_back(static_cast<double>(i));
        norm.y.push_back(look.score_norm);
        spread.y.push_back(look.deviation);
        ended[way.name] = look;
        e.progress(static_cast<double>(i) / static_cast<double>(steps), way.name);
      }
    }
    const Look& last = ended[way.name];
    table.rows.push_back({way.name, number(last.score_norm), number(last.deviation, 3), number(last.distance, 3),
                          number(1e3 * seconds / static_cast<double>(steps), 3)});
    norms.lines.push_back(norm);
    spreads.lines.push_back(spread);
    report::Panel panel{.title = way.name};
    panel.points.push_back({"points", select(moved, 1, 0).to_vector<double>(), select(moved, 1, 1).to_vector<double>()});
    plane.panels.push_back(panel);
  }
  e.table("cloud", table);
  e.figure("score-norm", norms);
  e.figure("spread", spreads);
  e.figure("clouds", draw(plane));

  for (const char* biased : {"SDS", "DSM", "DSM + ½|s|²"}) {
    e.expect_below(fmt::format("{}: collapse, the deviation within a mode", biased), ended[biased].deviation, 0.25);
    e.expect_above(fmt::format("{}: and C2 above the model's", biased), ended[biased].score_norm, 1.15 * model_norm);
  }
  for (const char* right : {"VSD, exact", "corrected, exact"}) {
    e.expect_near(fmt::format("{}: spread, the deviation within a mode", right), ended[right].deviation, 0.35, 0.09);
    e.expect_near(fmt::format("{}: C2 near the model's", right), ended[right].score_norm, model_norm, 0.15 * model_norm);
  }
  e.expect_below("VSD moves mass between modes too: nearer to the model than DSM's cloud", ended["VSD, exact"].distance,
                 0.7 * ended["DSM"].distance);
  e.expect_above("32 candidates: no collapse either", ended["corrected, leave-one-in 32"].deviation, 0.2);
}

void body(Experiment& e) {
  e.text(
      "A frozen score tells where the model's data are. Followed by its denoising loss, or by score distillation, each point of a cloud "
      "goes by "
      "itself to where the score is content; nothing keeps points apart. C2, the cloud's own score, does.");
  e.heading("One dimension: where the losses end exactly");
  known_ends(e);
  e.heading("A cloud in the plane");
  cloud(e);
  e.text(
      "The corrected loss sets the spread within each mode right but leaves the mass of the modes nearly where it was: summed over levels "
      "it "
      "is KL(cloud | model) at the lowest noise, whose force on a point is a difference of slopes, and between modes that lie apart there "
      "is "
      "none. VSD takes the KL divergence at every level, and at high noise the modes are one.");
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words,
                                   {.name = "distillation",
                                    .title = "Distillation of a score in the plane: collapse, and what prevents it",
                                    .options = {.dtype = scoregrad::float64}},
                                   scoregrad::body);
}
