// The laws of the two sweeps.
#include "autograd/graph/sweep.h"

#include <thread>

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("a second sweep through the same graph gives the same answer, not twice it") {
  const Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor y = x * x * x;
  CHECK(grad(y, x).item() == 12);
  CHECK(grad(y, x).item() == 12);
  Tensor leaf = scalar(2, {float64}).requires_grad();
  const Tensor z = leaf * leaf * leaf;
  z.backward();
  CHECK(leaf.grad().item() == 12);
  z.backward();  // adds exactly the first gradient again: 24, where cotangents kept on the nodes would give 36
  CHECK(leaf.grad().item() == 24);
  leaf.clear_grad();
  CHECK_FALSE(leaf.grad().defined());
}

TEST_CASE("a ladder of 60 diamonds, 2^60 paths, costs 60 steps") {
  const Tensor x = scalar(1, {float64}).requires_grad();
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = y + y;
  CHECK(grad(y, x).item() == std::ldexp(1, 60));
  CHECK(pushforward(y, {x}, {scalar(1, {float64})}).item() == std::ldexp(1, 60));
  Tensor z = x;
  for (int i = 0; i < 40; ++i) z = z.tag("again") + z;  // by path there are 2^40 ways through one label, merged as they meet
  CHECK(grad_by_path(sin(x) + x.tag("once"), x).total.item() == 1 + std::cos(1.0));
}

TEST_CASE("a chain of a million ops is swept both ways and freed on an ordinary stack") {
  const Tensor x = scalar(1, {float64}).requires_grad();
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = y + 1e-6;
  CHECK(grad(y, x).item() == 1);
  CHECK(pushforward(y, {x}, {scalar(3, {float64})}).item() == 3);
  y = Tensor();
  CHECK(grad(x * x, x).item() == 2);
}

TEST_CASE("gradients leave no history unless asked to, and .grad never has any") {
  Tensor x = draw({3}).requires_grad();
  const Tensor y = sum(exp(x));
  CHECK_FALSE(grad(y, x).tracked());
  CHECK(grad(y, x, {.create_graph = true}).tracked());
  y.backward();
  CHECK_FALSE(x.grad().tracked());
  sum(grad(y, x, {.create_graph = true})).backward();
  CHECK_FALSE(x.grad().tracked());
  check_close(x.grad(), 2 * exp(x.detach()));
}

TEST_CASE("create_graph nests: the third and fourth derivatives of tanh") {
  const Tensor x = scalar(0.3, {float64}).requires_grad();
  Tensor y = tanh(x);
  const double t = std::tanh(0.3), s = 1 - t * t;
  const double want[] = {s, -2 * t * s, -2 * s * (1 - 3 * t * t), 8 * t * s * (2 - 3 * t * t)};
  for (double w : want) {
    y = grad(y, x, {.create_graph = true});
    check_close({y.item()}, {w}, 1e-14);
  }
}

TEST_CASE("forward and reverse nest in any order") {
  const Tensor x = draw({4}, 0.3, 1).requires_grad(), v = draw({4}, -1, 1, 1);
  const Function f = [](const Tensor& t) { return sum(exp(t) * sin(t) * t); };
  const Tensor forward_over_reverse = hvp(f, x, v);
  const Tensor g = grad(f(x), x, {.create_graph = true});
  const Tensor reverse_over_reverse = grad(sum(g * v), x);
  const Tensor reverse_over_forward = grad(pushforward(f(x), {x}, {v}, {.create_graph = true}), x);
  check_close(forward_over_reverse, reverse_over_reverse);
  check_close(forward_over_reverse, reverse_over_forward);
  const Tensor first = pushforward(f(x), {x}, {v}, {.create_graph = true}), second = pushforward(first, {x}, {v});
  check_close({second.item()}, {sum(v * forward_over_reverse).item()});
}

TEST_CASE("what a result does not depend on is an error by name, or zeros where allowed") {
  const Tensor x = draw({2}).requires_grad(), other = draw({3}).requires_grad().named("other");
  const Tensor y = sum(x * x);
  CHECK(contains(message_of([&] { grad(y, other); }), "does not depend on 'other' of shape [3]"));
  check_close(grad(y, other, {.allow_unused = true}), {0, 0, 0});
  CHECK(contains(message_of([&] { grad(y, draw({2})); }), "does not require a gradient"));
  CHECK(contains(message_of([&] { grad(draw({2}), x); }), "nothing that requires a gradient was used"));
  CHECK(contains(message_of([&] { grad(x * x, x); }), "[2] has several elements: give a seed"));
  CHECK(contains(message_of([&] { grad(x * x, x, {.seed = ones({3}, {float64})}); }), "[2] wanted for the seed, [3] came"));
  check_close(grad(y, Tensors{x, x})[1], grad(y, x));  // the same target twice
}

TEST_CASE("hooks see a complete cotangent once and may replace it") {
  const Tensor x = draw({3}).requires_grad();
  const Tensor h = exp(x);
  int calls = 0;
  register_hook(h, [&](const Tensor& g) {
    ++calls;
    return g * 10;
  });
  const Tensor y = sum(h + h * h);
  check_close(grad(y, x), 10 * (exp(x) + 2 * exp(2 * x)).detach());
  CHECK(calls == 1);
  register_hook(h, [](const Tensor& g) { return sum(g); });
  CHECK(contains(message_of([&] { grad(y, x); }), "exp: float64 [3] wanted for what a hook returns, float64 [] came"));
  CHECK_THROWS_AS(register_hook(draw({2}), [](const Tensor& g) { return g; }), Error);
}

TEST_CASE("retain_grad keeps the gradient of what is not a leaf") {
  Tensor x = draw({3}).requires_grad();
  Tensor h = exp(x);
  CHECK(contains(message_of([&] { h.grad(); }), "is the result of exp, not a leaf; call retain_grad()"));
  h.retain_grad();
  sum(h * h).backward();
  check_close(h.grad(), 2 * exp(x).detach());
  CHECK_FALSE(h.grad().tracked());
}

TEST_CASE("nothing is recorded under NoGrad, after detach, or from untracked tensors") {
  const Tensor x = draw({3}).requires_grad();
  {
    const NoGrad plain;
    CHECK_FALSE(exp(x).tracked());
  }
  CHECK(exp(x).tracked());
  CHECK_FALSE(exp(x.detach()).tracked());
  check_close(grad(sum(x * x.detach()), x), x.detach());
  CHECK_FALSE((x > 0).tracked());
  CHECK_FALSE(argmax(x, 0).tracked());
  CHECK_FALSE(to(x, int64).tracked());
  CHECK_THROWS_AS(indices({1}).requires_grad(), Error);
  CHECK_THROWS_AS(exp(x).requires_grad(), Error);
}

TEST_CASE("an exception inside a sweep or a scope leaves this thread recording as before") {
  const Tensor x = draw({3}).requires_grad();
  const Tensor h = exp(x);
  register_hook(h, [](const Tensor&) -> Tensor { throw Error({}, "hook"); });
  CHECK_THROWS_AS(grad(sum(h), x), Error);
  CHECK(mode.recording);
  CHECK_FALSE(caller_line);
  CHECK(exp(x).tracked());
}

TEST_CASE("a graph lives as long as something computed from it, and no longer") {
  const int64_t before = backend(default_device()).memory().live;
  {
    const Tensor x = draw({1 << 14}).requires_grad();
    Tensor y = sum(tanh(exp(x)));
    Tensor g = grad(y, x, {.create_graph = true});
    y = Tensor();
    const Tensor second = grad(sum(g * g), x);  // reaches through what y was computed from
    CHECK(second.shape() == x.shape());
  }
  CHECK(backend(default_device()).memory().live == before);
}

TEST_CASE("two threads run independent graphs over shared parameters") {
  const Tensor w = draw({8, 8}, -1, 1).requires_grad();
  const auto gradient = [&](int seed) {
    const Tensor x = draw({4, 8}, -1, 1, seed);
    std::vector<double> g;
    for (int i = 0; i < 50; ++i) g = grad(sum(tanh(matmul(tanh(matmul(x, w)), w))), w).to_vector<double>();
    return g;
  };
  const std::vector<double> want[2] = {gradient(1), gradient(2)};
  std::vector<double> got[2];
  std::thread one([&] { got[0] = gradient(1); }), two([&] {
    const NoGrad plain;  // another thread's mode
    const RecordingScope on(true);
    got[1] = gradient(2);
  });
  one.join();
  two.join();
  CHECK(got[0] == want[0]);
  CHECK(got[1] == want[1]);
}

TEST_CASE("value_and_grad, vjp and jvp agree and leave their argument alone") {
  const Tensor x = draw({3}), u = draw({3}, -1, 1, 1), v = draw({3}, -1, 1, 2);
  const Function f = [](const Tensor& t) { return exp(t) * sum(t); };
  const ValueAndCotangent back = vjp(f, x, u);
  const ValueAndTangent forth = jvp(f, x, v);
  check_close({sum(u * forth.tangent).item()}, {sum(v * back.cotangent).item()});
  const ValueAndGrads r = value_and_grad([&](const Tensors& xs) { return sum(f(xs[0]) * xs[1]); }, {x, u});
  check_close(r.grads[0], back.cotangent);
  check_close(r.grads[1], f(x));
  CHECK_FALSE(x.tracked());
  CHECK_FALSE(r.value.tracked());
}
