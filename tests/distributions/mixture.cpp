#include "distributions/mixture.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/quadrature.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
// 1/2 N(-2, 1) + 1/2 N(2, 1), whose score at x is 2 tanh(2 x) - x.
const Mixture pair{zeros({2}, f64), from({-2, 2}, {2, 1}, f64), ones({2, 1, 1}, f64)};
const Mixture plane{from({0.3, -0.4, 1.0}, f64), from({0, 1, 2, -1, -1, 0.5}, {3, 2}, f64),
                    from({1, 0, 0.2, 0.7, 0.5, 0, -0.3, 0.9, 0.8, 0.1, 0, 0.6}, {3, 2, 2}, f64)};
const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1, 5, -4}, {4, 2}, f64);
}  // namespace

TEST_CASE("two equal bumps have the score that a textbook gives in closed form") {
  std::vector<double> want, log_density;
  const std::vector<double> at = {0.5, -3, 0, 9};
  for (double v : at) {
    want.push_back(2 * std::tanh(2 * v) - v);
    log_density.push_back(-0.5 * (v * v + 4) + std::log(std::cosh(2 * v)) - 0.5 * std::log(2 * std::acos(-1.0)));
  }
  CHECK(apart(pair.score(from(at, {4, 1}, f64)), from(want, {4, 1}, f64)) < 1e-14);
  CHECK(apart(pair.log_density(from(at, {4, 1}, f64)), from(log_density, f64)) < 1e-14);
}

TEST_CASE("the score of a mixture is the gradient of its log-density, and a log-weight's gradient the posterior minus the prior") {
  const Tensor at = x.detach().requires_grad(), log_weights = plane.log_weights.detach().requires_grad();
  const Mixture m{log_weights, plane.means, plane.factors};
  const Tensors g = grad(sum(m.log_density(at)), {at, log_weights});
  CHECK(apart(g[0], plane.score(x)) < 1e-13);
  CHECK(apart(g[1], sum(plane.posterior(x), {0}) - 4 * softmax(plane.log_weights)) < 1e-13);
  CHECK(apart(sum(plane.posterior(x), {1}), ones({4}, f64)) < 1e-14);
}

TEST_CASE("a density that integrates to one, with the mean that its weights give") {
  const quadrature::Nodes grid = quadrature::product(quadrature::trapezoid(9, 0.1), 1, f64);
  // Integrate against the standard normal that the rule carries: f = (p / phi) phi.
  const Tensor ratio = exp(pair.log_density(grid.z) - Gaussian::standard(1, f64).log_density(grid.z)) * grid.weights;
  CHECK(apart(sum(ratio).item(), 1) < 1e-9);
  const Mixture leaning{from({std::log(0.3), std::log(0.7)}, f64), pair.means, pair.factors};
  const Tensor p = exp(leaning.log_density(grid.z) - Gaussian::standard(1, f64).log_density(grid.z)) * grid.weights;
  CHECK(apart(sum(p * select(grid.z, 1, 0)).item(), 0.8) < 1e-9);
}

TEST_CASE("a noised mixture keeps its weights and noises every component; one component is a Gaussian") {
  const Mixture n = plane.noised(0.9, 0.4);
  CHECK(apart(n.log_weights, plane.log_weights) == 0);
  CHECK(apart(n.means, 0.9 * plane.means) < 1e-15);
  CHECK(apart(n.components().covariance(), 0.81 * plane.components().covariance() + 0.16 * eye(2, f64)) < 1e-14);
  const Gaussian g{select(plane.means, 0, 1), select(plane.factors, 0, 1)};
  CHECK(apart(as_mixture(g).score(x), g.score(x)) < 1e-14);
  CHECK(apart(as_mixture(g).log_density(x), g.log_density(x)) < 1e-14);
}

TEST_CASE("samples visit components as often as their weights say and stay reparametrised") {
  const int64_t n = 20000;
  const Mixture leaning{from({std::log(0.3), std::log(0.7)}, f64), from({-20, 20}, {2, 1}, f64).requires_grad(), pair.factors};
  const Tensor s = leaning.sample(n, Key(11));
  REQUIRE(s.shape() == Shape{n, 1});
  const double right = sum((s.detach() > 0).to(float64)).item() / n;
  CHECK(std::abs(right - 0.7) < 5 * std::sqrt(0.21 / n));
  const Tensor g = grad(sum(s), leaning.means);
  CHECK(apart(g, from({(1 - right) * n, right * n}, {2, 1}, f64)) < 1e-12);
}

TEST_CASE("a batch of mixtures is each of them") {
  const Mixture both{stack({plane.log_weights, zeros({3}, f64)}), stack({plane.means, 2 * plane.means}),
                     stack({plane.factors, plane.factors})};
  const Tensor score = both.noised(1, 0.3).score(stack({x, x}));
  CHECK(apart(select(score, 0, 0), plane.noised(1, 0.3).score(x)) < 1e-13);
  CHECK(apart(select(score, 0, 1), (Mixture{zeros({3}, f64), 2 * plane.means, plane.factors}).noised(1, 0.3).score(x)) < 1e-13);
  CHECK(both.sample(7, Key(1)).shape() == Shape{2, 7, 2});
}
