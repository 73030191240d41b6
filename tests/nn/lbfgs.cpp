#include "nn/lbfgs.h"

#include <cmath>

#include "nn/module.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {

const Options f64{.dtype = float64};
Tensor leaf(const std::vector<double>& values) { return from(values, f64).requires_grad(); }
// 100 (y - x^2)^2 + (1 - x)^2, least at (1, 1)
Tensor rosenbrock(const Tensor& x, const Tensor& y) { return sum(100 * square(y - square(x)) + square(1 - x)); }

}  // namespace

TEST_CASE("the banana valley is followed to its end, from the classic start and across two parameters") {
  const Tensor x = leaf({-1.2}), y = leaf({1.0});
  nn::LBFGS lbfgs({x, y}, {.iterations = 100});
  int calls = 0;
  const double reached = lbfgs.step([&] {
    ++calls;
    return rosenbrock(x, y);
  });
  CHECK(reached < 1e-15);
  CHECK(apart(x.detach().item(), 1) < 1e-7);
  CHECK(apart(y.detach().item(), 1) < 1e-7);
  CHECK(calls < 80);  // gradient descent with a good rate needs thousands
  CHECK(reached == rosenbrock(x, y).item());
}

TEST_CASE("a quadratic of n dimensions is solved to the tolerance of its gradient in few iterations") {
  const Tensor scales = from({1, 3, 10, 30, 100}, f64), target = from({1, -2, 3, -4, 5}, f64), x = leaf({0, 0, 0, 0, 0});
  nn::LBFGS lbfgs({x}, {.iterations = 40, .change_tolerance = 0});
  CHECK(lbfgs.step([&] { return 0.5 * sum(scales * square(x - target)); }) < 1e-14);
  CHECK(apart(x.detach(), target) < 1e-7);
}

TEST_CASE("from step to step the history is kept and the loss never rises") {
  const Tensor x = leaf({-1.2}), y = leaf({1.0});
  nn::LBFGS lbfgs({x, y}, {.iterations = 1, .history = 3});
  double before = rosenbrock(x, y).item();
  for (int i = 0; i < 60; ++i) {
    const double after = lbfgs.step([&] { return rosenbrock(x, y); });
    CHECK(after <= before);
    before = after;
  }
  CHECK(before < 1e-12);
  CHECK(lbfgs.steps.item() == 60);
}

TEST_CASE("a trial that leaves the function's domain is shortened") {
  const Tensor x = leaf({3.0});
  nn::LBFGS lbfgs({x}, {.rate = 100, .iterations = 50});
  lbfgs.step([&] { return sum(x - log(x)); });  // NaN below 0, least at 1
  CHECK(apart(x.detach().item(), 1) < 1e-6);
}

TEST_CASE("at a minimum nothing moves, and what has no finite loss is refused") {
  const Tensor x = leaf({2.0});
  nn::LBFGS lbfgs({x});
  CHECK(lbfgs.step([&] { return sum(square(x - 2)); }) == 0);
  CHECK(x.detach().item() == 2);
  CHECK_THROWS_AS(lbfgs.step([&] { return sum(log(x - 3)); }), Error);
  CHECK(x.detach().item() == 2);
  CHECK_THROWS_AS(nn::LBFGS({x, from({1}).requires_grad()}), Error);
  CHECK_THROWS_AS(nn::LBFGS({from({1}, f64)}), Error);
  CHECK_THROWS_AS(nn::LBFGS({x}, {.history = 0}), Error);
}

TEST_CASE("its state is listed, ring and all") {
  std::string names;
  const nn::LBFGS lbfgs({leaf({1.0, 2.0})}, {.history = 4});
  nn::each_tensor(lbfgs, [&](const std::string& name, const Tensor& t) { names += name + to_string(t.shape()) + " "; });
  CHECK(names == "rate[] steps[] pairs[] moves[4, 2] changes[4, 2] ");
}
