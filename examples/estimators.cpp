// Which estimator of C2 is worth its cost? Bias, variance and time of each, for the value and for the gradient that corrects a loss, on
// problems where both are known; then from one dimension to sixty-four.
#include <fmt/format.h>

#include <cmath>

#include "examples/estimators/measure.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace estimators;

report::Table table_of(const Problem& problem) {
  return {.head = {fmt::format("{}: C2 = {:.4f}, slope {:.4f}", problem.name, problem.c2, problem.slope), "bias ± s.e.", "variance",
                   "slope's bias ± s.e.", "variance", "others", "µs of CPU a row"},
          .rows = {}};
}
std::vector<std::string> row_of(const Method& m, const Measured& r) {
  return {m.name,
          with_error(r.value.bias, r.value.error),
          number(r.value.variance, 2),
          with_error(r.slope.bias, r.slope.error),
          number(r.slope.variance, 2),
          number(m.others, 3),
          number(r.microseconds, 2)};
}

// Every method on one problem, with what is claimed of it.
void study(Experiment& e, const Problem& problem, const std::string& name, int64_t rows) {
  report::Table table = table_of(problem);
  for (const Method& m : methods(problem)) {
    const Measured r = measure(problem, m, rows, e.key(name).fold(m.name));
    table.rows.push_back(row_of(m, r));
    e.progress(0.5, name + ", " + m.name);
    if (m.unbiased) {
      e.expect(std::abs(r.value.bias) < 4.5 * r.value.error, m.name + ": no bias within 4.5 standard errors");
      if (m.steady) e.expect(std::abs(r.slope.bias) < 4.5 * r.slope.error, m.name + ": none in the gradient");
    }
    if (m.name == "leave-one-in, 64") {
      e.expect_above(m.name + ": C2 of 64 data is above C2", r.value.bias, -4 * r.value.error);
      e.expect_below(m.name + ": and below C3", problem.c2 + r.value.bias,
                     static_cast<double>(problem.d) / (2 * problem.sigma * problem.sigma));
    }
    if (m.name == "critic, 10 % off")
      e.expect_near(m.name + ": below by 1 % of C2, in second order", r.value.bias, -0.01 * problem.c2, 4.5 * r.value.error);
    if (m.name == "plug-in, held fixed, 10 % off") {
      e.expect_near(m.name + ": off by 19 %, in first order", r.value.bias, -0.19 * problem.c2, 4.5 * r.value.error);
      if (!problem.p.c_is_drawn)
        e.expect_below(m.name + ": and its gradient has the wrong sign", (problem.slope + r.slope.bias) * problem.slope, 0);
    }
  }
  e.table(name, table);
}

// How fast biases fall, measured against the exact value of the same row.
void rates(Experiment& e, int64_t rows) {
  using namespace losses::estimate_c2;
  const Problem problem = gaussian(1, 1.0, e.options());
  const std::vector<std::pair<std::string, std::function<losses::C2Estimator(int64_t)>>> families = {
      {"leave-one-out", [](int64_t n) { return LeaveOneOut{n}; }},
      {"leave-one-in", [](int64_t n) { return LeaveOneIn{n}; }},
      {"cross", [](int64_t n) { return Cross{n}; }},
      {"half-jackknife", [](int64_t n) { return HalfJackknife{n}; }}};
  report::LineChart chart{.caption = "How the bias falls with the number of candidates (Gaussian, σ = 1)",
                          .alt = "Four falling lines on logarithmic axes; all but the half-jackknife's have slope -1.",
                          .x_label = "candidates N",
                          .y_label = "|bias|",
                          .lines = {},
                          .log_x = true,
                          .log_y = true};
  const NoGrad guard;
  for (const auto& [name, family] : families) {
    report::Line line{name, {}, {}};
    double sum_xy = 0, sum_xx = 0;
    const std::vector<double> sizes = {8, 16, 32, 64};
    for (double n : sizes) {
      double total = 0;
      const int64_t block = 2000;
      for (int64_t b = 0; b < rows / block; ++b) {
        const Key now = e.key("rates").fold(name).fold(b);
        const losses::Rows some = problem.p.draw(block, now.fold("rows"));
        total += mean(family(static_cast<int64_t>(n))(problem.p, some, now.fold(static_cast<int64_t>(n))) - Exact{}(problem.p, some, now))
                     .item();
      }
      line.x.push_back(n);
      line.y.push_back(std::abs(total / static_cast<double>(rows / block)));
      const double x = std::log2(n) - 4.5;
      sum_xy += x * std::log2(line.y.back());
      sum_xx += x * x;
    }
    if (name != "half-jackknife") e.expect_near(name + ": the exponent of N in its bias", sum_xy / sum_xx, -1, 0.3);
    chart.lines.push_back(line);
  }
  e.figure("rates", chart);
}

// From one dimension to sixty-four: relative error of the gradient from 1000 rows, all sources of it, and time.
void dimensions(Experiment& e, int64_t rows) {
  report::LineChart error{
      .caption = "Error of the gradient from 1000 rows, bias and scatter together, relative to the gradient (σ = 0.5)",
      .alt = "Lines over the dimension: exact and critic stay low, what draws candidates from p rises to one and beyond.",
      .x_label = "dimension",
      .y_label = "relative error",
      .lines = {},
      .log_x = true,
      .log_y = true},
      time = error;
  time.caption = "CPU time a row with its gradient";
  time.alt = "Lines over the dimension.";
  time.y_label = "µs";
  double critic_error = 0, in_error = 0;
  for (int64_t d : e.quick() ? std::vector<int64_t>{1, 16} : std::vector<int64_t>{1, 4, 16, 64}) {
    const Problem problem = gaussian(d, 0.5, e.options());
    report::Table table = table_of(problem);
    size_t i = 0;
    for (const Method& m : methods(problem)) {
      const Measured r = measure(problem, m, rows, e.key("dimensions").fold(d).fold(m.name));
      const double relative = std::hypot(r.slope.bias, std::sqrt(r.slope.variance / 1000)) / std::abs(problem.slope);
      table.rows.push_back(row_of(m, r));
      if (error.lines.size() <= i) error.lines.push_back({m.name, {}, {}}), time.lines.push_back({m.name, {}, {}});
      error.lines[i].x.push_back(static_cast<double>(d));
      error.lines[i].y.push_back(relative);
      time.lines[i].x.push_back(static_cast<double>(d));
      time.lines[i++].y.push_back(r.microseconds);
      if (m.name == "critic, 10 % off") critic_error = relative;
      if (m.name == "leave-one-in, 64") in_error = relative;
      e.progress(0.9, fmt::format("d = {}, {}", d, m.name));
    }
    e.table(fmt::format("dimension-{}", d), table);
  }
  e.expect_below("in the highest dimension a critic that is 10 % off still gives the gradient", critic_error, 0.5);
  e.expect_above("and 64 candidates from p give nothing of it", in_error, 0.9);
  e.figure("dimension-error", error);
  e.figure("dimension-time", time);
}

void body(Experiment& e) {
  const int64_t rows = e.size(3000, 60000);
  e.text(
      "C2 = E ½|s*|² is what the denoising loss lacks. Each row of a batch gives one value of an estimator; its mean should be C2 and the "
      "mean of its derivative C2's. Bias is what remains of it after very many rows, variance what one row scatters; others are the "
      "further "
      "draws of x that a row needs. The gradient is taken for a stretch of the law (for the encoder: of its code).");
  e.heading("Value and gradient where both are known");
  study(e, gaussian(1, 0.5, e.options()), "gaussian-1", rows);
  study(e, gaussian(1, 0.1, e.options()), "gaussian-1-small-noise", rows);
  study(e, mixture(1, 0.5, e.options()), "mixture-1", rows);
  study(e, gaussian(2, 0.5, e.options()), "gaussian-2", rows);
  study(e, mixture(2, 0.7, e.options()), "mixture-2", rows);
  study(e, encoder(128, 0.7, e.options()), "encoder", rows);
  e.heading("How fast the biases fall");
  rates(e, e.size(20000, 400000));
  e.heading("How fast the levels decay");
  report::Table decays{.head = {"problem", "theory, others from p", "measured", "measured near x_t"}, .rows = {}};
  for (double sigma : {0.5, 1.0}) {
    using namespace losses::estimate_c2;
    const Problem problem = gaussian(1, sigma, e.options());
    const Multilevel fresh{.own = false};
    const double from_p = decay_of(level_moments(problem.p, fresh, 7, e.size(2000, 30000), e.key("decay")));
    const double near =
        decay_of(level_moments(losses::posterior_centred(problem.p, problem.exact), fresh, 7, e.size(800, 8000), e.key("decay")));
    decays.rows.push_back({problem.name, number(prior_decay(sigma, 1)), number(from_p, 3), number(near, 3)});
    e.expect_above("near x_t the variance of the levels decays like 2^-2l", near, 1.6);
    e.expect_below("with others from p more slowly", from_p, near);
  }
  e.table("decay", decays);
  e.heading("From one dimension to sixty-four");
  dimensions(e, e.size(500, 4000));
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(
      count, words, {.name = "estimators", .title = "Estimating C2: bias, variance and cost", .options = {.dtype = scoregrad::float64}},
      scoregrad::body);
}
