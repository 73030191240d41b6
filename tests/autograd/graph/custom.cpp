// Ops from lambdas.
#include "autograd/graph/custom.h"

#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Custom cube{"cube", [](const Tensors& x) { return x[0] * x[0] * x[0]; },
                  [](const Tensors& x, const Tensor&, const Tensor& g) { return Tensors{3 * g * x[0] * x[0]}; }};

}  // namespace

TEST_CASE("a custom op is differentiable again, in both directions, from its vjp alone") {
  const Tensor x = from({1, 2}, {float64}).requires_grad();
  const Tensor y = cube({x});
  CHECK(std::string(y.node()->op()) == "cube");
  const Tensor g = grad(sum(y), x, {.create_graph = true});
  check_close(g, {3, 12});
  const Tensor h = grad(sum(g), x, {.create_graph = true});
  check_close(h, {6, 12});
  check_close(grad(sum(h), x), {6, 6});
  check_close(pushforward(y, {x}, {from({1, 10}, {float64})}), {3, 120});
  check_close(pushforward(g, {x}, {from({1, 10}, {float64})}), {6, 120});
}

TEST_CASE("a custom op broadcasts like any other: its rule need not undo it") {
  const Custom times{"times", [](const Tensors& x) { return x[0] * x[1]; },
                     [](const Tensors& x, const Tensor&, const Tensor& g) {
                       return Tensors{g * x[1], g * x[0]};
                     }};
  check_gradients([&](const Tensors& x) { return times(x); }, {draw({3, 1}), draw({4}, -1, 1, 1)});
}

TEST_CASE("what a custom op does inside leaves no graph, and untracked operands cost nothing") {
  const Tensor x = draw({2}).requires_grad();
  const Tensor y = cube({x});
  Node* const root = y.node();
  CHECK(reachable({&root, 1}).size() == 2);
  CHECK_FALSE(cube({draw({2})}).tracked());
}

TEST_CASE("wrong shapes from a custom rule are named") {
  const Custom bad{"bad", [](const Tensors& x) { return x[0] * 2; },
                   [](const Tensors&, const Tensor&, const Tensor&) { return Tensors{ones({5}, {float64})}; }};
  const Tensor x = draw({3}).requires_grad();
  const Tensor y = sum(bad({x}));
  CHECK(contains(message_of([&] { grad(y, x); }), "bad: float64 [3] wanted for what vjp returns, float64 [5] came"));
  const Custom none{"none", [](const Tensors& v) { return v[0]; }, [](const Tensors&, const Tensor&, const Tensor&) { return Tensors{}; }};
  const Tensor z = sum(none({x}));
  CHECK(contains(message_of([&] { grad(z, x); }), "none: vjp returned 0 cotangents for 1 operands"));
}

TEST_CASE("straight through: one tensor's value, another's gradient") {
  const Tensor x = from({-0.6, 0.4, 1.7}, {float64}).requires_grad();
  const Tensor y = straight_through(round(x), tanh(x));
  check_close(y, {-1, 0, 2});
  check_close(grad(sum(y), x), 1 - square(tanh(x.detach())));
  check_close(pushforward(y, {x}, {ones({3}, {float64})}), 1 - square(tanh(x.detach())));
  CHECK(contains(message_of([&] { straight_through(x, sum(x)); }), "straight_through"));
}
