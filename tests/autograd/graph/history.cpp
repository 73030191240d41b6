// A derivative that cannot be taken says which of three things is missing.
#include "autograd/graph/history.h"

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("the untracked leaf, NoGrad and the forgotten create_graph say three different things, each with its way out") {
  const Tensor x = draw({3}).requires_grad().named("x"), w = draw({3}).named("w");
  const std::string untracked = message_of([&] { grad(sum(w * w), x); }), leaf = message_of([&] { grad(sum(x * w), w); });
  CHECK(contains(untracked, "grad: nothing that requires a gradient was used to compute this tensor; call requires_grad()"));
  CHECK(contains(leaf, "grad: 'w' of shape [3] does not require a gradient; call requires_grad()"));

  Tensor quiet;
  {
    const NoGrad scope;
    quiet = exp(x);
  }
  const std::string silent = message_of([&] { grad(sum(quiet * quiet), x); });
  CHECK(contains(silent, "was computed while nothing is recorded"));
  CHECK(contains(silent, "NoGrad"));
  CHECK(contains(message_of([&] { sum(quiet).backward(); }), "backward: the tensor of shape [] was computed while nothing is recorded"));

  const Tensor y = sum(x * x * x), g = grad(y, x);
  const std::string forgotten = message_of([&] { grad(sum(square(g)), x); });
  CHECK(contains(forgotten, "comes from a gradient that was taken without history"));
  CHECK(contains(forgotten, "{.create_graph = true}"));
  CHECK(contains(message_of([&] { grad(sum(x), g); }), "create_graph"));
  check_close(grad(sum(grad(y, x, {.create_graph = true})), x), 6 * x.detach());
}

TEST_CASE("every derivative that may lack its history says so") {
  const Tensor x = draw({2}).requires_grad(), v = draw({2});
  const Function f = [](const Tensor& t) { return sum(exp(t) * t); };
  Tensor leaf = draw({2}).requires_grad();
  f(leaf).backward();
  for (const Tensor& t : {value_and_grad(f, x).grad, value_and_grad(f, x).value, pushforward(f(x), x, v), jvp(f, x, v).tangent,
                          vjp(f, x, ones({}, {float64})).cotangent, hvp(f, x, v), leaf.grad(), select(grad(f(x), x), 0, 0)})
    CHECK(contains(message_of([&] { grad(sum(t), x); }), "create_graph"));
}

TEST_CASE("what was lost is remembered through every kind of op, and a history found again is a history") {
  const Tensor x = draw({2, 2}).requires_grad(), g = grad(sum(exp(x)), x);
  for (const Tensor& t : {matmul(g, g), transpose(g), sum(g, {0}), concat({g, ones({1, 2}, {float64})}, 0),
                          index_select(g, 0, indices({1})), softmax(g), where(g > 0, g, 0), g.tag("t"), cumsum(g, 0), max(g)})
    CHECK(contains(message_of([&] { grad(sum(t), x); }), "create_graph"));
  CHECK((g * x).tracked());
  check_close(grad(sum(g * x), x), g);
}
