// psi and its derivatives at values from elsewhere (mpmath, 30 digits), by their identities, and at the poles as SciPy has them.
#include <cmath>
#include <limits>
#include <vector>

#include "autograd/backend/scalar.h"
#include "tests/catch.h"
#include "tests/cpu/programs.h"
#include "tests/cpu/targets.h"

using namespace scoregrad;
using scalars::digamma;
using scalars::polygamma;

namespace {

struct Known {
  int order;
  double x, value;
};
// clang-format off
const Known known[] = {
    {0, 1.0, -0.5772156649015329},
    {0, 0.5, -1.9635100260214235},
    {0, 0.25, -4.2274535333762655},
    {0, 2.5, 0.7031566406452432},
    {0, 10.0, 2.251752589066721},
    {0, 1e-10, -10000000000.577215},
    {0, 100000000.0, 18.420680738952367},
    {0, -0.5, 0.03648997397857652},
    {0, -1.75, -2.322691628614361},
    {0, -10.3, 4.662403493582087},
    {0, -1e-10, 9999999999.422785},
    {0, 1.4616321449683622, -9.241265521729427e-17},
    {0, 1.46, -0.0015805619870834522},
    {0, -1000.25, 10.050097693066705},
    {1, 1.0, 1.6449340668482264},
    {1, 0.5, 4.934802200544679},
    {1, 0.001, 1000001.6425331958},
    {1, 25.0, 0.04081066325722558},
    {1, 1000000000000.0, 1.0000000000005e-12},
    {1, -0.5, 8.934802200544679},
    {1, -2.25, 19.37941051186914},
    {1, -100.75, 19.72933233925096},
    {2, 1.0, -2.4041138063191885},
    {2, 0.25, -129.32773993753693},
    {2, 7.5, -0.020305252536644666},
    {2, -0.3, 67.63908119988317},
    {2, -3.5, -0.061556821321027695},
    {3, 2.0, 0.49393940226682914},
    {3, -1.2, 3768.2644105890045},
    {5, 0.5, 7691.113548602436},
    {5, -0.75, 492226.7524508089},
    {10, 3.5, -4.026693041232995},
    {20, 1.5, -487772949462609.9},
    {50, 20.5, -0.004208993535798365},
    {100, 40.0, -0.00015834291085306513},
    {4, 1e+20, -6e-80},
};
// clang-format on

constexpr double inf = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("digamma and polygamma at known values, in both precisions and on every instruction set") {
  for (const Known& k : known) {
    CAPTURE(k.order, k.x, k.value);
    // Close to a zero on the negative axis the terms of the reflection are what the error is relative to.
    const double size = std::abs(k.value) + (k.x < 0 ? std::tgamma(k.order + 1.0) * std::pow(4.0, k.order) : 0);
    CHECK(std::abs(polygamma(double(k.order), k.x) - k.value) <= (1 + k.order / 10.0) * 1e-15 * size);
    if (k.order == 0) CHECK(std::abs(digamma(k.x) - k.value) <= 1e-15 * size);
    const float x = static_cast<float>(k.x);
    if (static_cast<double>(x) == k.x && std::abs(k.value) > 1e-37 && std::abs(k.value) < 1e38)
      CHECK(std::abs(polygamma(float(k.order), x) - k.value) <= 6e-8 * size);
    testing::for_each_target([&](const char* target) {
      INFO(target);
      std::vector<double> n(7, k.order), at(7, k.x), y(7);
      testing::run_one(Op::polygamma_, float64, {7}, {Access{n.data(), float64, {1}}, Access{at.data(), float64, {1}}},
                       {y.data(), float64, {1}});
      for (double each : y) REQUIRE(each == polygamma(double(k.order), k.x));
    });
  }
}

TEST_CASE("digamma and polygamma keep their recurrence and reflection") {
  double worst = 0;
  for (double x = 0.0625; x < 30; x += 0.1875) {
    worst = std::max(worst, std::abs(digamma(x + 1) - digamma(x) - 1 / x) / (1 + 1 / x));
    // Beside the poles psi(-x) - psi(1 + x) is pi cot(pi x).
    const double r = 3.1415926535897932 / std::tan(3.1415926535897932 * (x - std::floor(x)));
    if (x != std::floor(x))
      worst = std::max(worst, std::abs(digamma(-x) - digamma(1 + x) - r) / (1 + std::abs(r) + std::abs(digamma(1 + x))));
    for (double n : {1.0, 2.0, 3.0, 6.0}) {
      const double step = (n == 2 || n == 6 ? 1 : -1) * std::tgamma(n + 1) * std::pow(x, -n - 1);
      worst = std::max(worst, std::abs(polygamma(n, x + 1) - polygamma(n, x) - step) / std::abs(polygamma(n, x)));
      const double below = (n == 2 || n == 6 ? 1 : -1) * std::tgamma(n + 1) * std::pow(-x, -n - 1);
      if (x != std::floor(x))
        worst = std::max(worst, std::abs(polygamma(n, -x + 1) - polygamma(n, -x) - below) /
                                    (std::abs(polygamma(n, -x)) + std::abs(below) + std::tgamma(n + 1) * std::pow(4.0, n)));
    }
  }
  CHECK(worst < 5e-15);
}

TEST_CASE("digamma and polygamma at poles, zeros, infinities and orders that do not exist") {
  CHECK(digamma(0.0) == -inf);
  CHECK(digamma(-0.0) == inf);
  CHECK(std::isnan(digamma(-1.0)));
  CHECK(std::isnan(digamma(-1e20)));
  CHECK(std::isnan(digamma(-inf)));
  CHECK(digamma(inf) == inf);
  CHECK(std::isnan(digamma(std::nan(""))));
  for (double pole : {0.0, -0.0, -1.0, -40.0}) {
    CHECK(polygamma(1.0, pole) == inf);
    CHECK(polygamma(2.0, pole) == -inf);
    CHECK(polygamma(3.0f, static_cast<float>(pole)) == inf);
  }
  CHECK(polygamma(1.0, inf) == 0);
  CHECK(std::isnan(polygamma(1.0, -inf)));
  CHECK(std::isnan(polygamma(1.0, std::nan(""))));
  for (double order : {-1.0, 0.5, 1001.0, inf, std::nan("")}) CHECK(std::isnan(polygamma(order, 2.0)));
}
