// Two far modes, 1/5 N((5, 5), I) + 4/5 N((-5, -5), I), by samplers that know the exact score: which of them find the weights, and which
// diagnostics would have told.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "distributions/half_space.h"
#include "examples/experiment/experiment.h"
#include "report/plane.h"
#include "samplers/diagnostics.h"
#include "samplers/discrepancy.h"
#include "samplers/flow.h"
#include "samplers/langevin.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;

struct Poster {
  explicit Poster(Options o)
      : law{log(from({0.2, 0.8}, o)), from({5, 5, -5, -5}, {2, 2}, o), stack({eye(2, o), eye(2, o)})},
        across(full({2}, std::sqrt(0.5), o)) {}
  Mixture law;
  Tensor across;  // unit vector from one mode to the other

  // Share of the particles on the side of (5, 5).
  Share weight(const Tensor& x, double z = 4) const {
    return wilson(sum((matmul(x, across) > 0).to(float64)).item(), static_cast<double>(x.extent(0)), z);
  }
  double mass(double sigma, double offset = 0) const { return half_space_mass(law.noised(1, sigma), across, offset).item(); }
  // What the steps of an annealed chain make of the variance in a mode, as long as the modes do not mix: exact.
  double variance(const Annealing& levels) const {
    double v = 400;
    for (size_t i = 0; i < levels.sigmas.size(); ++i)
      for (int64_t k = 0; k < levels.count; ++k) {
        const double a = 1 - 0.5 * levels.size(i) / (1 + levels.sigmas[i] * levels.sigmas[i]);
        v = a * a * v + levels.size(i);
      }
    return v;
  }
  // Variance of the particles within a mode, mean of both directions.
  double spread(const Tensor& x) const {
    const Tensor right = (matmul(x, across) > 0).to(x.dtype()), centre = unsqueeze(2 * right - 1, 1) * 5;
    return mean(square(x - centre)).item();
  }
};

// Positions between the modes of some particles, every tenth step: what one would look at.   [chains, steps / 10]
class Trace {
 public:
  explicit Trace(const Poster& poster) : poster_(poster) {}
  std::function<void(int64_t, const Tensor&)> watch() {
    return [this](int64_t step, const Tensor& x) {
      if (step % 10 == 0) parts_.push_back(matmul(slice_axis(x, 0, 0, 16), poster_.across).to(float64));
    };
  }
  Tensor chains() const { return stack(parts_, 1); }

 private:
  const Poster& poster_;
  Tensors parts_;
};

report::Panel::Points shown(const Tensor& x, const std::string& name) {
  const Tensor some = slice_axis(x, 0, 0, std::min<int64_t>(x.extent(0), 800));
  return {name, select(some, 1, 0).to_vector<double>(), select(some, 1, 1).to_vector<double>()};
}
std::string interval(const Share& s) { return fmt::format("{:.3f} ({:.3f} to {:.3f})", s.share, s.low, s.high); }

void body(Experiment& e) {
  const Options o = e.options();
  const Poster poster(o);
  const int64_t n = e.size(2000, 8000);
  const ScoreFunction score = [&](const Tensor& x) { return poster.law.score(x); };
  const auto density = [&](const Tensor& x) { return poster.law.evaluate(x); };
  const NoisyScore noisy = [&](const Tensor& x, const Tensor& sigma) { return poster.law.noised(1, sigma).score(x); };
  const auto everywhere = [&](const char* name) { return 16 * uniform({n, 2}, e.key(name), o) - 8; };
  e.text(fmt::format(
      "{} particles a sampler, the exact score; the weight is the share of x1 + x2 > 0, with an interval of four standard errors.", n));

  report::Table table{
      .head = {"sampler", "start", "steps", "weight of (5, 5)", "variance in a mode", "R-hat", "ESS of 100 kept", "accepted"}, .rows = {}};
  report::PlaneChart picture{.caption = "Where the particles end",
                             .alt = "Langevin fills both modes alike, annealing and the flow give the left one four times as many.",
                             .from = -10,
                             .to = 10,
                             .panels = {}};
  const auto row = [&](const std::string& name, const std::string& start, const Samples& got, const Trace* trace) {
    std::vector<std::string> cells{name, start, fmt::format("{}", got.steps), interval(poster.weight(got.x)), number(poster.spread(got.x))};
    cells.push_back(trace ? number(split_r_hat(trace->chains()), 3) : "");
    cells.push_back(
        trace ? number(mean(effective_sample_size(trace->chains())).item() * 100 / static_cast<double>(trace->chains().extent(1)), 3) : "");
    cells.push_back(got.acceptance.defined() ? number(mean(got.acceptance).item(), 4) : "");
    table.rows.push_back(cells);
    return poster.weight(got.x);
  };

  // ---- chains at one noise level: the start decides -------------------------------------------------------------------------------------
  const Steps steps{0.1, e.size(600, 2000)};
  Trace plain(poster), corrected(poster), one_mode(poster);
  const Samples from_box = langevin(score, everywhere("box"), steps, e.key("ula"), {.observe = plain.watch()});
  e.progress(0.1, "Langevin");
  const Samples from_origin = langevin(score, normal({n, 2}, e.key("origin"), o), steps, e.key("ula 2"));
  const Samples metropolis = mala(density, everywhere("box"), steps, e.key("mala"), {.observe = corrected.watch()});
  e.progress(0.2, "MALA");
  const Samples trapped = langevin(score, normal({n, 2}, e.key("left"), o) - 5, steps, e.key("ula 3"), {.observe = one_mode.watch()});
  const Share w_box = row("Langevin, e = 0.1", "uniform on [-8, 8]^2", from_box, &plain);
  const Share w_origin = row("Langevin, e = 0.1", "N(0, I)", from_origin, nullptr);
  const Share w_mala = row("MALA, e = 0.1", "uniform on [-8, 8]^2", metropolis, &corrected);
  const Share w_trapped = row("Langevin, e = 0.1", "N((-5, -5), I)", trapped, &one_mode);
  picture.panels.push_back({.title = "Langevin", .points = {shown(from_box.x, "")}});

  // ---- annealed: the weight is decided where mixing freezes -----------------------------------------------------------------------------
  struct Schedule {
    const char *name, *shorter;
    Annealing levels;
  };
  const std::vector<Schedule> schedules = {
      {"20 to 1, 10 levels, e = 0.1, 100 steps each", "to 1, short", {.sigmas = geometric_ladder(20, 1, 10), .step = 0.1, .count = 100}},
      {"20 to 1, 10 levels, e = 0.1, 1000 steps each", "to 1, long", {.sigmas = geometric_ladder(20, 1, 10), .step = 0.1, .count = 1000}},
      {"20 to 0.1, 20 levels, e = 0.001, 100 steps each", "to 0.1", {.sigmas = geometric_ladder(20, 0.1, 20), .step = 1e-3, .count = 100}}};
  report::LineChart freezing{.caption = "The share of x1 + x2 > 0 at the end of each level",
                             .alt = "It follows the exact share of the noised law until the modes no longer mix.",
                             .x_label = "noise level",
                             .y_label = "share",
                             .lines = {},
                             .log_x = true};
  freezing.lines.push_back({"exact", {}, {}});
  for (double sigma : geometric_ladder(20, 0.1, 60)) {
    freezing.lines[0].x.push_back(sigma);
    freezing.lines[0].y.push_back(poster.mass(sigma));
  }
  std::vector<std::pair<Share, double>> annealed(schedules.size());
  for (size_t i = 0; i < schedules.size(); ++i) {
    const Annealing& levels = schedules[i].levels;
    report::Line line{schedules[i].shorter, {}, {}};
    SamplerOptions options{.observe = [&](int64_t step, const Tensor& x) {
      if (step % levels.count != 0) return;
      line.x.push_back(levels.sigmas[static_cast<size_t>(step / levels.count - 1)]);
      line.y.push_back(poster.weight(x).share);
    }};
    options.progress = [&](double done) {
      e.progress(0.2 + 0.2 * (static_cast<double>(i) + done), "annealed Langevin");
      return true;
    };
    const Samples got = annealed_langevin(noisy, 20 * normal({n, 2}, e.key("noise"), o), levels, e.key("annealed").fold(i), options);
    annealed[i] = {row(fmt::format("annealed, {}", schedules[i].name), "N(0, 20^2 I)", got, nullptr), poster.spread(got.x)};
    freezing.lines.push_back(line);
    if (i + 1 == schedules.size()) picture.panels.push_back({.title = "annealed Langevin", .points = {shown(got.x, "")}});
  }

  // ---- the flow: it keeps what the start gets wrong
  // --------------------------------------------------------------------------------------
  const auto flow = [&](double sigma_max) {
    const Edm schedule{.sigma_min = 0.02, .sigma_max = sigma_max};
    return dpm_solver(noisy, sigma_max * normal({n, 2}, e.key("noise"), o), geometric_course(schedule, 60));
  };
  // The flow keeps quantiles: what starts beyond the point with a fifth of the noised law beyond it ends in (5, 5).
  const auto predicted = [&](double sigma_max) {
    double low = -10 * sigma_max, high = 10 * sigma_max;
    for (int i = 0; i < 60; ++i) (poster.mass(sigma_max, 0.5 * (low + high)) > 0.2 ? low : high) = 0.5 * (low + high);
    return 0.5 * std::erfc(low / sigma_max * std::sqrt(0.5));
  };
  const Samples near = flow(20), far = flow(500);
  const Share w_near = row("flow, DPM-Solver++(2M)", "N(0, 20^2 I)", near, nullptr),
              w_far = row("flow, DPM-Solver++(2M)", "N(0, 500^2 I)", far, nullptr);
  picture.panels.push_back({.title = "flow", .points = {shown(far.x, "")}});
  e.progress(0.9, "discrepancies");

  e.table("samplers", table);
  e.figure("ends", draw(picture));
  e.figure("freezing", freezing);

  // ---- what would have told ------------------------------------------------------------------------------------------------------------
  e.heading("What would have told");
  const int64_t some = 1000;
  const Tensor exact = poster.law.sample(some, e.key("exact"));
  report::Table tests{.head = {"samples", "Stein discrepancy^2", "standard errors", "MMD^2 to exact samples", "standard errors"},
                      .rows = {}};
  const auto judged = [&](const std::string& name, const Tensor& x) {
    const PairAverage stein =
        kernel_stein_discrepancy(slice_axis(x, 0, 0, some).to(float64), [&](const Tensor& y) { return score(y.to(o.dtype)).to(float64); });
    const PairAverage mmd = mean_discrepancy(slice_axis(x, 0, 0, some).to(float64), exact.to(float64));
    tests.rows.push_back(
        {name, number(stein.value, 3), number(stein.value / stein.error, 2), number(mmd.value, 3), number(mmd.value / mmd.error, 2)});
    return std::array{stein.value / stein.error, mmd.value / mmd.error};
  };
  const auto mala_judged = judged("MALA", metropolis.x), far_judged = judged("flow from N(0, 500^2 I)", far.x);
  e.table("discrepancies", tests);
  e.text(
      "R-hat tells when chains started apart; it says nothing when all start in one mode. The effective sample size within a mode is fine, "
      "acceptance too, and "
      "the Stein discrepancy sees scores only, which hardly know the weights. MMD needs exact samples.");

  const double hat = split_r_hat(plain.chains()), hat_one = split_r_hat(one_mode.chains());
  e.expect_above("Langevin from a box: lower end of the weight's interval", w_box.low, 0.3);
  e.expect_above("Langevin from the origin: lower end", w_origin.low, 0.3);
  e.expect_above("MALA from a box: lower end", w_mala.low, 0.3);
  e.expect_near("Langevin from the left mode", w_trapped.share, 0, 0.001);
  e.expect_above("R-hat of chains started apart", hat, 1.5);
  e.expect_below("R-hat of chains that share a mode, though the weight is wrong", hat_one, e.quick() ? 1.25 : 1.1);
  e.expect_above("MALA's acceptance, which looks fine", mean(metropolis.acceptance).item(), 0.95);
  e.expect(std::abs(mala_judged[0]) < 4,
           fmt::format("the Stein discrepancy of MALA's wrong weights: {:.2f} standard errors, expected within 4", mala_judged[0]));
  e.expect_above("their MMD in standard errors", mala_judged[1], 4);
  e.expect_below("MMD of the flow's samples in standard errors", far_judged[1], 4);
  e.expect_near("annealed to 1 in short levels: the share of a higher noise level, at which mixing froze", annealed[0].first.share, 0.219,
                0.03);
  for (size_t i = 0; i < schedules.size(); ++i) {
    const double want = poster.variance(schedules[i].levels);
    e.expect_near(fmt::format("annealed {}: variance in a mode, by the recursion of its steps", schedules[i].name), annealed[i].second,
                  want, 4 * want / std::sqrt(static_cast<double>(n)));
  }
  e.expect(annealed[1].first.contains(0.2), fmt::format("annealed to 1 in long levels: {} holds 0.2", interval(annealed[1].first)));
  e.expect_near("annealed to 0.1", annealed[2].first.share, 0.2, 0.03);
  e.expect(w_near.contains(predicted(20)) && w_near.low > 0.2,
           fmt::format("flow from N(0, 20^2 I): {} holds {:.4f}, which quantiles predict, and not 0.2", interval(w_near), predicted(20)));
  e.expect(w_far.contains(predicted(500)) && w_far.contains(0.2),
           fmt::format("flow from N(0, 500^2 I): {} holds {:.4f} and 0.2", interval(w_far), predicted(500)));
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(count, words, {.name = "mixture", .title = "Two far modes: who finds the weights"}, scoregrad::body);
}
