// textbook: scores, losses and numbers that a reader can check by hand.
#include <fmt/format.h>

#include "distributions/half_space.h"
#include "losses/parametrisation.h"
#include "losses/score_matching.h"
#include "samplers/langevin.h"
#include "tests/conformance/kinds.h"
#include "tests/conformance/mixture.h"

namespace conformance {
namespace {

using namespace samplers;

// Row by row d score / dx.   [n, d] -> [n, d, d]
Tensor score_jacobian(const Score& score, const Tensor& points) {
  const Tensor x = points.detach().requires_grad(), s = score(x);
  Tensors rows;
  for (int64_t i = 0; i < x.extent(1); ++i) rows.push_back(gradient(sum(select(s, 1, i)), x));
  return stack(rows, 1);
}

}  // namespace

void example1(const Field& test, Values& values) {
  const Gaussian p = Gaussian::with_covariance(test["mu"].tensor(), test["Sigma"].tensor());
  const Tensor x = test["x"].tensor();
  values.add("score", p.score(x));
  values.add("logp", p.log_density(x));
  const Tensor j = score_jacobian([&](const Tensor& at) { return p.score(at); }, x);
  for (int64_t i = 0; i < x.extent(0); ++i) values.add("score_jacobian", select(j, 0, i));
}

// One point in one dimension: all tensors [1, 1].
void example2(const Field& test, Values& values) {
  const Field in = test["inputs"];
  const auto read = [&](const char* key) { return reshape(in[key].tensor(), {1, 1}); };
  const Tensor x = read("x"), eps = read("eps"), predicted = read("eps_pred");
  const double sigma = in["sigma"].number();
  const losses::Level level{1, sigma};
  const Tensor xt = x + sigma * eps, s = losses::score_from(losses::Predicts::eps, predicted, xt, level);
  const Tensor t = Gaussian::diagonal(reshape(x, {1}), full({1}, sigma, test.options())).score(xt);
  const Tensor eps_loss = losses::denoising(losses::Predicts::eps, predicted, x, eps, level), dsm = losses::dsm(s, eps, sigma);
  const auto add = [&](const std::string& name, const Tensor& value) { values.add("results." + name + ".value", reshape(value, {})); };
  add("x_tilde", xt);
  add("eps_loss", 2 * eps_loss);
  add("half_eps_loss", eps_loss);
  add("implied_score", s);
  add("conditional_score", t);
  add("score_loss_half", dsm);
  add("score_loss_half", losses::esm(s, t));
  add("score_loss_half_times_sigma2", dsm * losses::factor(losses::Predicts::eps, 1, sigma));
  add("denoised_pred", losses::prediction(losses::Predicts::x0, s, xt, level));
  add("denoised_true", losses::prediction(losses::Predicts::x0, t, xt, level));
}

void example3(const Field& test, Values& values) {
  const Mixture p = line_mixture_of(test["inputs"]["components"]);
  const Tensor x = reshape(test["inputs"]["x0"].tensor(), {1, 1}).requires_grad();
  const Tensor density = exp(p.log_density(x)), s = p.score(x);
  const auto add = [&](const std::string& name, const Tensor& value) { values.add("results." + name + ".value", reshape(value, {})); };
  add("p", density);
  add("dp", gradient(density, x));
  add("score", s);
  add("score", gradient(p.log_density(x), x));
  add("score_derivative", gradient(s, x));
  values.add("posterior_weights", flatten(p.posterior(x)));
  // One Langevin step with the noise that the book draws, without it, and without the score.
  const double e = test["inputs"]["step"].number(), z = test["inputs"]["z"].number();
  const auto step = [&](const ScoreFunction& f, double noise) {
    SamplerOptions options;
    options.noise = [&](int64_t, const Tensor& like_this) { return noise * ones_like(like_this); };
    return langevin(f, x, {e, 1}, Key(0), options).x;
  };
  const ScoreFunction exact = [&](const Tensor& y) { return p.score(y); };
  add("x1", step(exact, z));
  add("drift", step(exact, 0) - x);
  add("noise", step([](const Tensor& y) { return zeros_like(y); }, z) - x);
}

void practice2(const Field& test, Values& values) {
  const Mixture p{log(test["pi"].tensor()), test["mu"].tensor(), cholesky(test["Sigma"].tensor())};
  const Tensor x = test["x"].tensor();
  values.add("logp", p.log_density(x));
  values.add("score", p.score(x));
  values.add("hessian_logp", score_jacobian([&](const Tensor& at) { return p.score(at); }, x));
  values.add("posterior_weights", p.posterior(x));
}

// Integration by parts: no noise, so the law of x itself under the trapezoidal rule.
void practice3(const Field& test, Values& values) {
  const Mixture p = line_mixture_of(test["components"]);
  const double w = test["w"].number(), b = test["b"].number();
  const quadrature::Nodes nodes = product(quadrature::trapezoid(), 1, test.options());
  Sums sums;
  for (int64_t k = 0; k < p.count(); ++k) {
    const Tensor x = Gaussian{select(p.means, 0, k), select(p.factors, 0, k)}.at(nodes.z).requires_grad();
    const Tensor s = w * x + b, target = p.score(x), weights = nodes.weights * exp(select(p.log_probabilities(), 0, k));
    sums.add("results.ism.value", weighted(weights, losses::ism(s, x)));
    sums.add("results.fisher_half.value", weighted(weights, losses::esm(s, target)));
    sums.add("results.c2_half_fisher_information.value", weighted(weights, losses::c2(target)));
  }
  sums.into(values);
}

void practice4(const Field& test, Values& values) {
  Tensors variances;
  const Tensor steps = test["eps"].tensor();
  for (double e : steps.to_vector<double>())
    variances.push_back(reshape(langevin_stationary(Gaussian::standard(1, test.options()), e).covariance(), {}));
  values.add("variance", stack(variances));
}

// The poster's 1/5 N((5, 5), I) + 4/5 N((-5, -5), I).
void halfplane_mass(const Field& test, Values& values) {
  const Options o = test.options();
  const Mixture p{log(from({0.2, 0.8}, o)), from({5, 5, -5, -5}, {2, 2}, o), stack({eye(2, o), eye(2, o)})};
  values.add("mass", half_space_mass(p.noised(1, test["sigma"].number()), ones({2}, o)));
}

// The density that the textbook misprints is the one of example 3, where the file has that.
void errata(const Field& test, Values& values) {
  const Field top = test.top();
  if (!top.has("example3") || !top["example3"].size()) return values.unsupported("", "the file has no example3 to compute it from");
  const Field in = top["example3"][0]["inputs"];
  values.add("p_half_correct", reshape(exp(line_mixture_of(in["components"]).log_density(reshape(in["x0"].tensor(), {1, 1}))), {}));
}

}  // namespace conformance
