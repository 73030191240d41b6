// The textbook chapter on score-based models: every worked example and practice problem recomputed, the printed numbers compared, and what
// is misprinted said.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/mixture.h"
#include "distributions/quadrature.h"
#include "examples/experiment/experiment.h"
#include "losses/parametrisation.h"
#include "losses/score_matching.h"
#include "samplers/diagnostics.h"
#include "samplers/langevin.h"

namespace scoregrad {
namespace {

using namespace distributions;
using namespace samplers;

const Options wide{.dtype = float64};
Tensor point(double x) { return full({1, 1}, x, wide); }
double value(const Tensor& x) { return x.item(); }

// A table of what the book prints and what comes out.
class Comparison {
 public:
  explicit Comparison(Experiment& e) : e_(e) {}
  // `printed` agrees with `found` as far as its digits go, or is known to be wrong.
  void agrees(const std::string& what, double found, double printed, double digit) { add(what, found, printed, digit, true); }
  void misprinted(const std::string& what, double found, double printed, double digit) { add(what, found, printed, digit, false); }
  void show(const std::string& name) {
    e_.table(name, table_);
    for (const auto& [holds, what] : outcomes_) e_.expect(holds, what);
  }

 private:
  void add(const std::string& what, double found, double printed, double digit, bool right) {
    const bool same = std::abs(found - printed) <= 0.5000001 * digit;
    table_.rows.push_back({what, number(found, 12), number(printed, 6), same ? "as printed" : "misprinted"});
    outcomes_.emplace_back(same == right, fmt::format("{} = {:.6g}, {} {:g}", what, found,
                                                      right ? "as the book prints:" : "not as the book prints:", printed));
  }
  Experiment& e_;
  report::Table table_{.head = {"quantity", "recomputed", "printed", ""}, .rows = {}};
  std::vector<std::pair<bool, std::string>> outcomes_;
};

void example1(Experiment& e) {
  e.heading("Example 1: the score of a Gaussian");
  e.text("The gradient of the log-density, found by differentiation, is -S^-1 (x - mu).");
  const Tensor mu = from({0.5, -1}, wide), s = from({2, 0.6, 0.6, 0.5}, {2, 2}, wide);
  const Gaussian p = Gaussian::with_covariance(mu, s);
  const Tensor x = normal({50, 2}, e.key("example 1"), wide).requires_grad();
  const Tensor by_hand = -matmul(x.detach() - mu, inverse(s)), found = grad(sum(p.log_density(x)), x);
  e.expect_below("largest difference of the two at 50 points", value(max(abs(by_hand - found))), 1e-12);
  const Gaussian round = Gaussian::diagonal(mu, full({2}, 0.7, wide));
  e.expect_below("for S = sigma^2 I, to -(x - mu) / sigma^2", value(max(abs(round.score(x) + (x - mu) / 0.49))), 1e-12);
}

void example2(Experiment& e) {
  e.heading("Example 2: denoising as noise prediction");
  e.text("x = 2, eps = 0.8, sigma = 0.5; the network says 0.6. The book's loss has no factor 1/2.");
  const Tensor x = point(2), eps = point(0.8), said = point(0.6), xt = x + 0.5 * eps;
  const losses::Level level{1, 0.5};
  const Tensor s = losses::score_from(losses::Predicts::eps, said, xt, level);
  const double dsm = value(losses::dsm(s, eps, 0.5));
  Comparison c(e);
  c.agrees("noisy sample", value(xt), 2.4, 0.1);
  c.agrees("noise-prediction loss |0.6 - 0.8|^2", 2 * value(losses::denoising(losses::Predicts::eps, said, x, eps, level)), 0.04, 0.01);
  c.agrees("implied score", value(s), -1.2, 0.1);
  c.agrees("score of x_t given x", value(Gaussian::diagonal(full({1}, 2, wide), full({1}, 0.5, wide)).score(xt)), -1.6, 0.1);
  c.show("example-2");
  e.text(
      "Above, the book writes J_DSM = 1/(2 sigma^2) E|s + eps/sigma|^2. With its own definition, 1/2 E|s - target|^2, the factor 1/sigma^2 "
      "is one "
      "too many: right are 1/2 E|s + eps/sigma|^2 and 1/(2 sigma^2) E|eps_theta - eps|^2.");
  e.expect_near("1/2 |s + eps/sigma|^2 of the example", dsm, 0.08, 1e-12);
  e.expect_near("1/(2 sigma^2) |eps_theta - eps|^2, the same", 0.5 / 0.25 * 0.04, dsm, 1e-12);
  e.expect_near("as the book's formula reads, 1/sigma^2 times as much", 0.5 / 0.25 * value(square(s + eps / 0.5)), 4 * dsm, 1e-12);
}

const Mixture pair{zeros({2}, wide), from({-2, 2}, {2, 1}, wide), ones({2, 1, 1}, wide)};

void example3(Experiment& e) {
  e.heading("Example 3: one Langevin step");
  e.text("1/2 N(-2, 1) + 1/2 N(2, 1), from 0.5 with step 0.1 and noise -0.3.");
  const Tensor x = point(0.5).requires_grad();
  const Tensor density = exp(pair.log_density(x)), slope = grad(density, x);
  const double s = value(pair.score(x)), root = std::sqrt(2 * std::acos(-1.0));
  SamplerOptions with_noise{.noise = [](int64_t, const Tensor& like_this) { return -0.3 * ones_like(like_this); }};
  const double x1 = value(langevin([](const Tensor& y) { return pair.score(y); }, x, {0.1, 1}, Key(0), with_noise).x);
  const double drift = 0.05 * s, noise = -0.3 * std::sqrt(0.1);
  Comparison c(e);
  c.misprinted("e^(-3.125)", std::exp(-3.125), 0.0440, 1e-4);
  c.agrees("e^(-1.125)", std::exp(-1.125), 0.3247, 1e-4);
  c.misprinted("p(0.5)", value(density), 0.1471, 1e-4);
  c.misprinted("p'(0.5)", value(slope), 0.1504, 1e-4);
  c.misprinted("s(0.5)", s, 1.0227, 1e-4);
  c.misprinted("drift", drift, 0.0511, 1e-4);
  c.agrees("noise", noise, -0.0949, 1e-4);
  c.agrees("x1", x1, 0.4563, 1e-4);
  c.show("example-3");
  e.text(
      "e^(-3.125) is 0.0439. The book divides by sqrt(2 pi) = 2.5066 where 2 sqrt(2 pi) = 5.0133 is meant, so p and p' are printed twice "
      "too large; their ratio "
      "survives. Its "
      "own digits give 0.3771/0.3687 = 1.0228, not 1.0227; exact is 2 tanh(1) - 1/2 = 1.02319, and the drift 0.0512. Its sum 0.5 + 0.0511 "
      "- 0.0949 is 0.4562; "
      "the exact step, "
      "0.45629, rounds to the 0.4563 it prints. And the noise does not nearly cancel the drift, it exceeds it.");
  e.expect_near("printed p(0.5) over the right one: 2", 0.1471 / value(density), 2, 2e-3);
  e.expect_near("p(0.5), from the two exponentials", value(density), (std::exp(-3.125) + std::exp(-1.125)) / (2 * root), 1e-15);
  e.expect_near("s(0.5) = 2 tanh(1) - 1/2", s, 2 * std::tanh(1.0) - 0.5, 1e-14);
  e.expect_near("x1 to 15 digits", x1, 0.456291085790525, 1e-14);
  e.expect_above("noise over drift, in size", -noise / drift, 1.8);
}

void practice12(Experiment& e) {
  e.heading("Practice 1 and 2: scaling, and mixtures");
  const Tensor x = normal({50, 1}, e.key("practice 1"), wide).requires_grad();
  const Tensor scaled = grad(sum(log(7.3 * exp(pair.log_density(x)))), x);
  e.expect_below("largest change of the score when p is multiplied by 7.3", value(max(abs(scaled - pair.score(x).detach()))), 1e-12);
  // Two bumps of different width.
  const Mixture two{zeros({2}, wide), from({-2, 2}, {2, 1}, wide), from({1, 0.2}, {2, 1, 1}, wide)};
  const Tensor w = two.posterior(x), parts = stack({-(select(x, 1, 0) + 2), -(select(x, 1, 0) - 2) / 0.04}, 1);
  e.expect_below("a mixture's score less the posterior mean of its components' scores",
                 value(max(abs(sum(w * parts, {1}, true) - two.score(x)))), 1e-11);
  e.text(
      "\"The score points toward the most likely nearby mode\" is a rule of thumb: between a wide bump at -2 and a narrow one at 2 there "
      "are points that more "
      "likely belong to the wide one, where the score points to the narrow one.");
  Tensor grid = linspace(-2, 2, 4001, wide);
  grid = reshape(grid, {4001, 1});
  const Tensor wrong = logical_and(select(two.posterior(grid), 1, 0) > 0.5, select(two.score(grid), 1, 0) > 0);
  e.expect_above("share of [-2, 2] where it points away from the likelier mode", value(mean(wrong.to(float64))), 0.01);
}

void practice3(Experiment& e) {
  e.heading("Practice 3: integration by parts");
  e.text(
      "E[tr ds/dx + 1/2 |s|^2] = 1/2 E|s - grad log p|^2 - 1/2 E|grad log p|^2, here for s = -0.7 x + 0.2 and the law of example 3, by "
      "quadrature. The left "
      "side is the Fisher divergence less a constant and may be negative.");
  const quadrature::Nodes nodes = quadrature::product(quadrature::trapezoid(), 1, wide);
  double ism = 0, esm = 0, c2 = 0;
  for (int64_t k = 0; k < 2; ++k) {
    const Tensor x = Gaussian{select(pair.means, 0, k), select(pair.factors, 0, k)}.at(nodes.z).requires_grad(), s = -0.7 * x + 0.2;
    ism += 0.5 * value(sum(nodes.weights * losses::ism(s, x)));
    esm += 0.5 * value(sum(nodes.weights * losses::esm(s, pair.score(x))));
    c2 += 0.5 * value(sum(nodes.weights * losses::c2(pair.score(x))));
  }
  e.table("practice-3", {.head = {"quantity", "value"},
                         .rows = {{"E[tr ds/dx + 1/2 |s|^2]", number(ism, 12)},
                                  {"1/2 E|s - grad log p|^2", number(esm, 12)},
                                  {"1/2 E|grad log p|^2", number(c2, 12)}}});
  e.expect_near("the implicit loss", ism, 0.545, 1e-12);
  e.expect_near("half the Fisher divergence", esm, 0.907805182418522, 1e-12);
  e.expect_near("their difference is half the Fisher information", esm - ism, c2, 1e-12);
}

void practice4(Experiment& e) {
  e.heading("Practice 4: the step size");
  e.text("On N(0, 1) a chain with steps of size e has variance 1 / (1 - e/4), not 1, and none from e = 4 on.");
  const int64_t n = e.size(4000, 40000);
  report::Table table{.head = {"e", "1 / (1 - e/4)", "chains", "standard error"}, .rows = {}};
  report::LineChart chart{.caption = "The variance that Langevin dynamics keeps on N(0, 1)",
                          .alt = "It grows without bound as the step nears 4.",
                          .x_label = "e",
                          .y_label = "variance",
                          .lines = {{"closed form", {}, {}}, {"chains", {}, {}}},
                          .log_y = true};
  for (double size = 0.05; size < 3.95; size += 0.05) {
    chart.lines[0].x.push_back(size);
    chart.lines[0].y.push_back(1 / (1 - size / 4));
  }
  const ScoreFunction score = [](const Tensor& x) { return -x; };
  std::vector<std::pair<double, std::array<double, 2>>> found;
  for (double size : {0.1, 0.5, 1.0, 2.0, 3.5}) {
    const double want = value(langevin_stationary(Gaussian::standard(1, wide), size).covariance());
    const Tensor start = std::sqrt(want) * normal({n, 1}, e.key("start").fold(table.rows.size()), wide);
    const Tensor x2 = square(langevin(score, start, {size, 100}, e.key("practice 4").fold(table.rows.size())).x);
    const double got = value(mean(x2)), error = std::sqrt(value(var(x2)) / static_cast<double>(n));
    table.rows.push_back({number(size), number(want, 6), number(got, 6), number(error, 2)});
    chart.lines[1].x.push_back(size);
    chart.lines[1].y.push_back(got);
    found.push_back({size, {got - want, error}});
  }
  e.table("practice-4", table);
  e.figure("practice-4-variance", chart);
  for (const auto& [size, gap] : found)
    e.expect_near(fmt::format("variance less 1 / (1 - e/4) at e = {}, within 4 standard errors", size), gap[0], 0, 4 * gap[1]);
  const double far = value(mean(square(langevin(score, normal({100, 1}, e.key("far"), wide), {4.2, 200}, e.key("diverges")).x)));
  e.expect_above("mean square after 200 steps of 4.2", far, 1e12);
}

void practice5(Experiment& e) {
  e.heading("Practice 5: clean data on a line");
  e.text(
      "The book says that the objective \"would be dominated\" by regions off the manifold. They have no weight at all. What goes wrong is "
      "that nothing bounds the "
      "objective from below: for data on the line x2 = 0 the field s = (-x1, -x2 / tau^2) has 1/2 |s|^2 + div s = 1/2 x1^2 - 1 - 1/tau^2, "
      "and tau is free.");
  const Tensor x1 = normal({1000, 1}, e.key("practice 5"), wide), x = concat({x1, zeros_like(x1)}, 1);
  std::vector<double> values;
  for (double tau : {1.0, 0.1, 0.01}) {
    const Tensor at = x.detach().requires_grad(), s = at * from({-1, -1 / (tau * tau)}, wide);
    values.push_back(value(mean(losses::ism(s, at))));
  }
  const double common = 0.5 * value(mean(square(x1))) - 1;
  e.expect_near("the loss at tau = 1", values[0], common - 1, 1e-10);
  e.expect_near("at tau = 0.1", values[1], common - 100, 1e-10);
  e.expect_near("at tau = 0.01", values[2], common - 10000, 1e-8);
  e.text("With noise sigma the same fields have a best one, tau^2 = sigma^2, which is the score of the noised law across the line.");
  const double sigma = 0.3;
  const auto noised_loss = [&](double tau2) { return 0.5 * sigma * sigma / (tau2 * tau2) - 1 / tau2; };  // E over x2 ~ N(0, sigma^2)
  e.expect_below("the loss at tau^2 = sigma^2 less that beside it", noised_loss(0.09) - std::min(noised_loss(0.08), noised_loss(0.1)), 0);
}

void around(Experiment& e) {
  e.heading("Around the problems");
  e.text(
      "The book's DAE relation lacks the noise: the denoised point is x~ + sigma^2 s(x~), from the noisy point, and (x^ - x~)/sigma^2 "
      "equals -eps/sigma only on average "
      "given x~. The average, here over the two bumps of example 3 at sigma = 0.8, is the marginal score (Tweedie).");
  const double sigma = 0.8;
  const Mixture noised = pair.noised(1, sigma);
  const Tensor xt = reshape(from({-1.5, 0.2, 0.9, 3}, wide), {4, 1}), w = noised.posterior(xt);
  // Given x~ and the bump k, x ~ N(mu_k + (x~ - mu_k) / (1 + sigma^2), ..): exactly.
  const Tensor means = transpose(pair.means), denoised = sum(w * (means + (xt - means) / (1 + sigma * sigma)), {1}, true);
  e.expect_below("E[x | x~] less x~ + sigma^2 s(x~)", value(max(abs(denoised - xt - sigma * sigma * noised.score(xt)))), 1e-13);
  e.text("Quiz 5: the conditional score -eps/sigma is not the marginal one; for one clean point at 2 and x~ = 0.9 they are");
  const double conditional = (2 - 0.9) / (sigma * sigma), marginal = value(noised.score(point(0.9)));
  e.expect_above("the two scores apart", std::abs(conditional - marginal), 0.5);
  e.text(
      "\"Start with N(0, I) (high noise)\" is not high noise for data of variance 5: the first level's law is the data plus sigma_1^2, so "
      "N(0, sigma_1^2 I) with sigma_1 "
      "above the data's size is meant. \"Never implement the original objective\": its sliced form costs one sweep, as denoising does.");
  e.expect_near("variance of example 3's law, which N(0, 1) should cover",
                value(sum(exp(pair.log_probabilities()) * (square(select(pair.means, 1, 0)) + 1))), 5, 1e-12);
}

void body(Experiment& e) {
  for (const auto part : {example1, example2, example3, practice12, practice3, practice4, practice5, around}) {
    part(e);
    e.progress(1);
  }
}

}  // namespace
}  // namespace scoregrad

int main(int count, char** words) {
  return scoregrad::run_experiment(
      count, words, {.name = "textbook", .title = "The textbook chapter, recomputed", .options = {scoregrad::float64}}, scoregrad::body);
}
