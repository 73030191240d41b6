#include "distributions/quadrature.h"

#include <cmath>
#include <limits>

#include "autograd/ops/ops.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::distributions::quadrature;

namespace {
const Options f64{.dtype = float64};
template <class F>
double expectation(const Rule& r, F f) {
  double total = 0;
  for (size_t i = 0; i < r.nodes.size(); ++i) total += r.weights[i] * f(r.nodes[i]);
  return total;
}
}  // namespace

TEST_CASE("Gauss-Hermite is exact up to degree 2 n - 1 and not beyond") {
  for (int n : {1, 2, 3, 7, 20}) {
    const Rule r = gauss_hermite(n);
    double moment = 1;  // (k - 1)!! for even k
    for (int k = 0; k <= 2 * n; k += 2) {
      if (k > 0) moment *= k - 1;
      const double got = expectation(r, [&](double z) { return std::pow(z, k); });
      if (k < 2 * n)
        CHECK(std::abs(got / moment - 1) < 1e-12);
      else
        CHECK(std::abs(got / moment - 1) > 1e-6);
      CHECK(std::abs(expectation(r, [&](double z) { return std::pow(z, k + 1); })) < 1e-9 * moment);
    }
  }
}

TEST_CASE("large Gauss-Hermite rules stay finite and accurate") {
  CHECK(std::abs(expectation(gauss_hermite(350), [](double z) { return std::cos(z); }) - std::exp(-0.5)) < 1e-13);
  CHECK_THROWS_AS(gauss_hermite(0), Error);
  CHECK_THROWS_AS(gauss_hermite(351), Error);
}

TEST_CASE("the trapezoidal rule is exact to rounding for what is analytic and beats Gauss-Hermite near poles") {
  CHECK(std::abs(expectation(trapezoid(), [](double z) { return std::cos(z); }) - std::exp(-0.5)) < 1e-15);
  CHECK(std::abs(expectation(trapezoid(), [](double z) { return std::pow(z, 8); }) - 105) < 1e-11);
  // E 1/(1 + z^2) has poles at +-i; its value is sqrt(pi/2) e^(1/2) erfc(1/sqrt 2).
  const double want = std::sqrt(std::acos(-1.0) / 2) * std::exp(0.5) * std::erfc(std::sqrt(0.5));
  const auto f = [](double z) { return 1 / (1 + z * z); };
  CHECK(std::abs(expectation(trapezoid(), f) - want) < 1e-13);
  CHECK(std::abs(expectation(gauss_hermite(60), f) - want) > 1e-9);
}

TEST_CASE("a grid handed out in blocks is the product rule") {
  const Rule r = gauss_hermite(5);
  const Nodes all = product(r, 3, f64);
  REQUIRE(all.z.shape() == Shape{125, 3});
  CHECK(std::abs(sum(all.weights).item() - 1) < 1e-14);
  CHECK(std::abs(sum(all.weights * prod(square(all.z), {1})).item() - 1) < 1e-13);  // E z1^2 z2^2 z3^2
  Grid grid(r, 3, f64);
  int64_t count = 0;
  double total = 0;
  for (Nodes n = grid.next(40); n.z.defined(); n = grid.next(40)) {
    CHECK(n.z.extent(0) <= 40);
    count += n.z.extent(0);
    total += sum(n.weights * prod(square(n.z), {1})).item();
  }
  CHECK(count == 125);
  CHECK(std::abs(total - 1) < 1e-13);
  CHECK(grid.progress() == 1);
}

TEST_CASE("what a grid leaves out of a wide product does not matter") {
  const Nodes n = product(trapezoid(9, 0.5), 3, f64);
  CHECK(n.z.extent(0) < 37 * 37 * 37 * 2 / 3);
  CHECK(std::abs(sum(n.weights).item() - 1) < 1e-14);
  CHECK(std::abs(sum(n.weights * sum(square(n.z), {1})).item() - 3) < 1e-13);
}

TEST_CASE("a rule with fewer weights than nodes is an error wherever it is used") {
  const Rule wrong{{-1, 0, 1}, {0.5, 0.5}};
  for (const std::string& said : {message_of([&] { product(wrong, 2, f64); }), message_of([&] { finer(wrong); })})
    CHECK(contains(said, "3 nodes with 2 weights"));
}
