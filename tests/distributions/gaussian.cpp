#include "distributions/gaussian.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "distributions/quadrature.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64);
const Gaussian law{from({0.5, -0.2}, f64), from({1.2, 0.4, -0.3, 0.8}, {2, 2}, f64)};  // the factor need not be triangular
}  // namespace

TEST_CASE("density and score of a Gaussian are those of the inverse written out") {
  const double a = 1.2 * 1.2 + 0.4 * 0.4, b = -1.2 * 0.3 + 0.4 * 0.8, d = 0.3 * 0.3 + 0.8 * 0.8, det = a * d - b * b;
  const std::vector<double> v = x.to_vector<double>();
  std::vector<double> score, density;
  for (size_t i = 0; i < 3; ++i) {
    const double r0 = v[2 * i] - 0.5, r1 = v[2 * i + 1] + 0.2;
    const double s0 = -(d * r0 - b * r1) / det, s1 = -(a * r1 - b * r0) / det;
    score.insert(score.end(), {s0, s1});
    density.push_back(0.5 * (r0 * s0 + r1 * s1) - 0.5 * std::log(det) - std::log(2 * std::acos(-1.0)));
  }
  CHECK(apart(law.covariance(), from({a, b, b, d}, {2, 2}, f64)) < 1e-15);
  CHECK(apart(law.score(x), from(score, {3, 2}, f64)) < 1e-14);
  CHECK(apart(law.log_density(x), from(density, f64)) < 1e-14);
  const DensityAndScore both = law.evaluate(x);
  CHECK(apart(both.score, law.score(x)) == 0);
  CHECK(apart(both.log_density, law.log_density(x)) == 0);
}

TEST_CASE("the score of a Gaussian is the gradient of its log-density") {
  const Tensor at = x.detach().requires_grad();
  CHECK(apart(grad(sum(law.log_density(at)), at), law.score(x)) < 1e-14);
}

TEST_CASE("the density's gradient in mean and factor agrees with central differences") {
  const Tensor mean = law.mean.detach().requires_grad(), factor = law.factor.detach().requires_grad();
  const auto value = [&](const Tensor& m, const Tensor& f) {
    return sum(Gaussian{m, f}.log_density(x) + sum(Gaussian{m, f}.score(x), {-1}));
  };
  const Tensors g = grad(value(mean, factor), {mean, factor});
  const NoGrad guard;
  const double h = 1e-5;
  const Tensor u = from({0.6, -0.8}, f64), v = from({0.3, 0.1, -0.5, 0.7}, {2, 2}, f64);
  const double by_mean = (value(mean + h * u, factor) - value(mean - h * u, factor)).item() / (2 * h);
  const double by_factor = (value(mean, factor + h * v) - value(mean, factor - h * v)).item() / (2 * h);
  CHECK(apart(by_mean, sum(g[0] * u).item()) < 1e-8);
  CHECK(apart(by_factor, sum(g[1] * v).item()) < 1e-8);
}

TEST_CASE("noise scales the mean and adds to the covariance, also of a point mass") {
  const Gaussian n = law.noised(0.8, 0.6);
  CHECK(apart(n.mean, 0.8 * law.mean) < 1e-15);
  CHECK(apart(n.covariance(), 0.64 * law.covariance() + 0.36 * eye(2, f64)) < 1e-15);
  const Gaussian point{law.mean, zeros({2, 2}, f64)};
  CHECK(apart(point.noised(1, 0.5).score(x), (law.mean - x) / 0.25) < 1e-14);
}

TEST_CASE("a gradient reaches the noise level through the noised law") {
  const Tensor sigma = scalar(0.6, f64).requires_grad();
  const Tensor g = grad(sum(Gaussian::standard(1, f64).noised(1, sigma).log_density(from({1.5}, {1, 1}, f64))), sigma);
  const double s2 = 1 + 0.36;  // d/dsigma of -x^2/(2 s2) - log(s2)/2
  CHECK(apart(g.item(), 0.6 * (1.5 * 1.5 / (s2 * s2) - 1 / s2)) < 1e-14);
}

TEST_CASE("a batch of Gaussians, each at its own level, is each of them") {
  const Gaussian both{stack({law.mean, 2 * law.mean}), stack({law.factor, tril(law.factor)})};
  const Tensor score = both.noised(1, from({0.5, 0.9}, f64)).score(stack({x, x}));
  CHECK(apart(select(score, 0, 0), law.noised(1, 0.5).score(x)) < 1e-14);
  CHECK(apart(select(score, 0, 1), (Gaussian{2 * law.mean, tril(law.factor)}).noised(1, 0.9).score(x)) < 1e-14);
}

TEST_CASE("samples have the law's mean and covariance, and carry the gradient of both") {
  const int64_t n = 20000;
  const Tensor mean = law.mean.detach().requires_grad();
  const Tensor s = Gaussian{mean, law.factor}.sample(n, Key(5));
  REQUIRE(s.shape() == Shape{n, 2});
  CHECK(apart(scoregrad::mean(s, {0}).detach(), law.mean) < 6 * 1.3 / std::sqrt(static_cast<double>(n)));
  const Tensor r = s.detach() - law.mean;
  CHECK(apart(matmul(transpose(r), r) / n, law.covariance()) < 6 * 2.2 / std::sqrt(static_cast<double>(n)));
  CHECK(apart(grad(sum(s), mean), full({2}, n, f64)) < 1e-14);
  const Tensor factor = law.factor.detach().requires_grad(), z = from({1, 2, 3, 4}, {2, 2}, f64);
  CHECK(apart(grad(sum(Gaussian{law.mean, factor}.at(z)), factor), from({4, 6, 4, 6}, {2, 2}, f64)) < 1e-14);
}

TEST_CASE("the same factories give float32 where the parameters are float32") {
  const Gaussian g = Gaussian::standard(2);
  CHECK(g.noised(1, 0.5).score(zeros({4, 2})).dtype() == float32);
  CHECK(apart(Gaussian::diagonal(zeros({2}, f64), from({2, 3}, f64)).covariance(), from({4, 0, 0, 9}, {2, 2}, f64)) < 1e-15);
}

TEST_CASE("points of the wrong shape are refused") {
  CHECK_THROWS_AS(law.score(from({1, 2, 3}, {1, 3}, f64)), Error);
  CHECK_THROWS_AS(law.log_density(from({1, 2}, f64)), Error);
}

TEST_CASE("a complaint names the caller's line, and so do the nodes of a score") {
  int line = 0;
  try {
    line = __LINE__ + 1;
    law.score(from({1, 2, 3}, {1, 3}, f64));
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.where().line == line);
    CHECK(std::string(e.what()).find("[n, 2] wanted for the points") != std::string::npos);
  }
  const Tensor at = x.detach().requires_grad();
  const Tensor s = law.score(at);
  CHECK(s.node()->at.line == __LINE__ - 1);
  CHECK(s.node()->operands()[0]->at.line == __LINE__ - 2);
}
