#include "distributions/push_forward.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("an affine push-forward is the Gaussian, with its gradients") {
  const Tensor psi = from({0.4, 1.3}, f64).requires_grad(), x = from({-1, 0.2, 3}, {3, 1}, f64);
  const auto law = push_forward([&](const Tensor& z) { return select(psi, 0, 0) + select(psi, 0, 1) * z; }, 1, f64).noised(0.9, 0.5);
  const Gaussian want = Gaussian{slice_axis(psi, 0, 0, 1), reshape(select(psi, 0, 1), {1, 1})}.noised(0.9, 0.5);
  CHECK(apart(law.score(x).detach(), want.score(x).detach()) < 1e-12);
  CHECK(apart(law.log_density(x).detach(), want.log_density(x).detach()) < 1e-12);
  CHECK(apart(grad(sum(square(law.score(x))), psi), grad(sum(square(want.score(x))), psi)) < 1e-11);
}

TEST_CASE("a bent push-forward has the score of its noised density, integrated directly") {
  const auto g = [](const Tensor& z) { return z + 0.5 * tanh(2 * z); };
  const FiniteData law = push_forward(g, 1, f64).noised(1, 0.4);
  const double x = 0.7, h = 1e-5;
  const auto density = [](double at) {  // a plain Riemann sum on a finer grid
    double total = 0;
    for (int i = -4000; i <= 4000; ++i) {
      const double z = i * 0.002, r = (at - z - 0.5 * std::tanh(2 * z)) / 0.4;
      total += std::exp(-0.5 * z * z - 0.5 * r * r);
    }
    return total;
  };
  CHECK(apart(law.score(from({x}, {1, 1}, f64)).item(), (std::log(density(x + h)) - std::log(density(x - h))) / (2 * h)) < 1e-8);
}
