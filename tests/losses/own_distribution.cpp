// A distribution of a user's own in the three set-ups that take one: the theorem holds with its analytic score, and numbers agree with
// plain sums on the host.
#include <cmath>

#include "losses/decomposition.h"
#include "losses/population.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/distributions/uniform.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::losses;

namespace {

const Options f64{.dtype = float64};
const double sigma = 0.4;

// E s*(x_t)^2 / 2 of the uniform law on [low, high], by a fine trapezoidal sum over x_t.
double half_square_of_score(double low, double high) {
  double total = 0;
  const double h = 1e-4;
  for (double x = low - 4; x <= high + 4; x += h) {
    const auto Phi = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
    const auto phi = [](double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * std::acos(-1.0)); };
    const double u = (x - low) / sigma, v = (x - high) / sigma, q = (Phi(u) - Phi(v)) / (high - low);
    const double slope = (phi(u) - phi(v)) / (sigma * (high - low));
    if (q > 1e-14) total += h * 0.5 * slope * slope / q;
  }
  return total;
}

const ConditionalScore linear = [](const Tensor& xt, const Tensor& c) { return -0.8 * xt + 0.3 * sum(c, {1}, true); };

}  // namespace

TEST_CASE("the theorem holds for generated data from a law of a user's own, exactly where it has nodes") {
  const Tensor c = from({0.2}, f64).requires_grad();
  const Generated setup{c, Uniform{c - 1, 2 * exp(c)}};
  const Decomposition d = decompose(linear, setup, {.sigma = sigma, .wrt = {{"c", c}}});
  CHECK(d.exact);
  CHECK(apart(d.c2.value.mean, half_square_of_score(-0.8, 2 * std::exp(0.2))) < 1e-6);
  CHECK(apart(d.c3.value.mean, 0.5 / (sigma * sigma)) < 1e-12);
  CHECK(std::abs(d.residual.value.mean) < 1e-9);
  CHECK(apart(d.residual.gradient.at("c").total.mean[0], zeros({1}, f64)) < 1e-8);
  // dC2/dc in total, by a difference of sums that know nothing of paths.
  const auto c2_at = [](double v) { return half_square_of_score(v - 1, 2 * std::exp(v)); };
  CHECK(apart(d.c2.gradient.at("c").total.mean[0].item(), (c2_at(0.201) - c2_at(0.199)) / 0.002) < 1e-4);
}

TEST_CASE("samples of such a law agree with its nodes within their errors") {
  const Tensor c = from({0.2}, f64).requires_grad();
  const Generated setup{c, Uniform{c - 1, 2 * exp(c)}};
  const Decomposition exact = decompose(linear, setup, {.sigma = sigma, .wrt = {{"c", c}}});
  const Decomposition drawn = decompose(linear, setup, {.sigma = sigma, .samples = 40000, .wrt = {{"c", c}}}, Key(3));
  for (const auto term : {&Decomposition::dsm, &Decomposition::esm, &Decomposition::c2}) {
    const Term &a = exact.*term, &b = drawn.*term;
    CHECK(std::abs(a.value.mean - b.value.mean) < 5 * b.value.error);
    const Gradient &ga = a.gradient.at("c").total, &gb = b.gradient.at("c").total;
    CHECK(std::abs(ga.mean[0].item() - gb.mean[0].item()) < 5 * gb.error[0].item());
  }
}

TEST_CASE("a free condition leaves such a law out of every gradient, and an input distribution moves it alone") {
  const Tensor c = from({0.2}, f64).requires_grad(), low = from({-1}, f64).requires_grad();
  const Uniform law{low, from({1.5}, f64)};
  const Decomposition free = decompose(linear, FreeCondition{c, law}, {.sigma = sigma, .wrt = {{"c", c}, {"low", low}}});
  CHECK(free.dsm.gradient.at("low").total.norm() == 0);
  CHECK(free.dsm.gradient.at("c").total.norm() > 0.01);
  CHECK(std::abs(free.residual.value.mean) < 1e-9);
  const auto frozen = [](const Tensor& xt) { return -0.5 * xt; };
  const Decomposition input = decompose(frozen, InputDistribution{law}, {.sigma = sigma, .wrt = {{"low", low}}});
  CHECK(std::abs(input.residual.value.mean) < 1e-9);
  // DSM of s = -x/2 is (1/2) E (x_t/2 - eps/sigma)^2 = (E x^2 + sigma^2)/8 - 1/2 + 1/(2 sigma^2); E x^2 = (a^2 + a b + b^2)/3.
  CHECK(apart(input.dsm.gradient.at("low").total.mean[0].item(), (2 * -1 + 1.5) / 24) < 1e-9);
}

TEST_CASE("what such a law lacks is named where it is needed") {
  const Tensor c = from({0.2}, f64);
  const Uniform plane{from({-1, -1}, f64), from({1, 2}, f64)};
  CHECK(message_of([&] { decompose(linear, Generated{c, plane}, {.sigma = sigma}); }).find("nodes()") != std::string::npos);
  CHECK_THROWS_AS(decompose(linear, Generated{from({0.2, 0.1}, {2, 1}, f64), plane}, {.sigma = sigma, .samples = 100}), Error);
  CHECK(decompose(linear, Generated{c, plane}, {.sigma = sigma, .samples = 1000}).dsm.value.error > 0);
}
