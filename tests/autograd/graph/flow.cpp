#include "autograd/graph/flow.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"

using namespace scoregrad;

TEST_CASE("gradient flow reports the gradient's norm at every named tensor") {
  const Tensor x = from({3, 4}).named("x").requires_grad();
  GradFlow flow;
  const Tensor h = (x * 2).named("h");
  sum(square(h)).backward();
  const auto g = flow.gradients();
  REQUIRE(g.size() == 2);
  CHECK(g.at("h") == 20);  // 2 h = (12, 16)
  CHECK(g.at("x") == 40);
  CHECK(to_string(flow) ==
        "name     |value|  |gradient|  shape\n"
        "x              -          40  [2]\n"
        "h             10          20  [2]\n");
}

TEST_CASE("norms overflow no sooner than the numbers do, and NaN shows") {
  GradFlow flow;
  const Tensor x = from({1e30, 1e30}).requires_grad().named("x");
  const Tensor y = (x * 1e8).named("y"), z = (x * NAN).named("z");
  (sum(y) + sum(z)).backward();
  CHECK(flow.gradients().count("x") == 1);
  CHECK(std::isnan(flow.gradients().at("x")));
  CHECK_THAT(*flow.passages().at(y.node()->id).value_norm, Catch::Matchers::WithinRel(std::sqrt(2) * 1e38, 1e-6));
}

TEST_CASE("an observer hears only while it lives, and the innermost hears") {
  const Tensor x = scalar(1).requires_grad();
  GradFlow outer;
  {
    GradFlow inner;
    sin(x);
    CHECK(inner.passages().size() == 1);
  }
  CHECK(outer.passages().empty());
  sin(x);
  CHECK(outer.passages().size() == 1);
}

TEST_CASE("the timer counts every op, rules included") {
  const Tensor x = ones({1000}).requires_grad();
  Timer timer;
  for (int i = 0; i < 3; ++i) grad(sum(sin(x)), x);
  CHECK(timer.totals().at("sin").count == 3);
  CHECK(timer.totals().at("sum").count == 3);
  double all = 0;
  for (const auto& [op, total] : timer.totals()) {
    CHECK(total.seconds >= 0);
    all += total.seconds;
  }
  CHECK(all > 0);
  CHECK(to_string(timer).find("sin") != std::string::npos);
}
