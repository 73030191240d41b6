// The checker itself is checked.
#include "autograd/graph/custom.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

// x^3 whose rules are off by the given factors.
Functions wrong_by(double vjp_factor, double jvp_factor) {
  const Custom op{"cube", [](const Tensors& x) { return x[0] * x[0] * x[0]; },
                  [=](const Tensors& x, const Tensor&, const Tensor& g) { return Tensors{3 * vjp_factor * (g * square(x[0]))}; },
                  [=](const Tensors& x, const Tensor&, const Tensors& t) { return 3 * jvp_factor * (t[0] * square(x[0])); }};
  return [op](const Tensors& x) { return op(x); };
}

}  // namespace

TEST_CASE("a right rule passes, with numbers that say how closely") {
  const GradcheckReport r = gradcheck(wrong_by(1, 1), {draw({5})});
  CHECK(r);
  CHECK(r.text.empty());
  CHECK(r.worst_rounding < 1e-14);
  CHECK(r.worst_difference < 1e-8);
}

TEST_CASE("a rule off by a thousandth is rejected, in either sweep or in both") {
  CHECK_FALSE(gradcheck(wrong_by(1.001, 1), {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(wrong_by(1, 1.001), {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(wrong_by(1.001, 1.001), {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(wrong_by(1.00001, 1.00001), {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(wrong_by(1.1, 1.1), {draw({5}, -2, 2, 0, float32)}, {.order = 1}));
}

TEST_CASE("a rule that is right once and wrong when differentiated again is rejected at order two") {
  const Custom frozen{"frozen", [](const Tensors& x) { return x[0] * x[0] * x[0]; },
                      [](const Tensors& x, const Tensor&, const Tensor& g) { return Tensors{3 * g * square(x[0].detach())}; },
                      [](const Tensors& x, const Tensor&, const Tensors& t) { return 3 * t[0] * square(x[0].detach()); }};
  const Functions f = [&](const Tensors& x) { return frozen(x); };
  CHECK(gradcheck(f, {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(f, {draw({5})}));
  const Custom stuck{"stuck", [](const Tensors& x) { return x[0] * 2; },
                     [](const Tensors&, const Tensor&, const Tensor& g) { return Tensors{2 * g.detach()}; },
                     [](const Tensors&, const Tensor&, const Tensors& t) { return 2 * t[0]; }};
  const Functions linear = [&](const Tensors& x) { return stuck(x); };
  CHECK(gradcheck(linear, {draw({5})}, {.order = 1}));
  CHECK_FALSE(gradcheck(linear, {draw({5})}));  // the gradient's dependence on the cotangent is lost
}

TEST_CASE("one wrong input among several is named, with its direction and the numbers") {
  const Custom op{"mix", [](const Tensors& x) { return x[0] * x[1]; },
                  [](const Tensors& x, const Tensor&, const Tensor& g) {
                    return Tensors{g * x[1], 1.001 * (g * x[0])};
                  }};
  const GradcheckReport r = gradcheck([&](const Tensors& x) { return op(x); }, {draw({2, 3}), draw({2, 3}, -1, 1, 1)}, {.order = 1});
  CHECK_FALSE(r.passed);
  CHECK(contains(r.text, "input 1 [2, 3], direction 0: <J'u, v> and its central difference"));
  CHECK_FALSE(contains(r.text, "input 0"));
  CHECK(r.worst_difference > 1e-4);
}

TEST_CASE("a transposition mistake, which no scalar would show, is rejected") {
  const Custom op{"product", [](const Tensors& x) { return matmul(x[0], x[1]); },
                  [](const Tensors& x, const Tensor&, const Tensor& g) {
                    return Tensors{matmul(g, x[1]), matmul(transpose(x[0]), g)};
                  }};
  CHECK_FALSE(gradcheck([&](const Tensors& x) { return op(x); }, {draw({3, 3}), draw({3, 3}, -1, 1, 1)}, {.order = 1}));
}

TEST_CASE("gradcheck takes float32 with a step of its own, and inputs without a gradient") {
  CHECK(gradcheck([](const Tensors& x) { return tanh(x[0]) * x[1]; }, {draw({6}, -2, 2, 0, float32), draw({6}, -1, 1, 1, float32)}));
  CHECK(gradcheck([](const Tensors& x) { return index_select(exp(x[0]), 0, x[1]); }, {draw({4}), indices({3, 0, 3})}));
  CHECK_THROWS_AS(gradcheck([](const Tensors& x) { return x[0].detach(); }, {draw({4})}), Error);
}
