// Surprises that others' libraries are known for: removed here, or, where they cannot be, shown with the way around them.
#include <thread>

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("a tensor used twice in one op gets both contributions") {
  const Tensor x = scalar(3, {float64}).requires_grad();
  CHECK(grad(x * x, x).item() == 6);
  CHECK(grad(x + x, x).item() == 2);
  CHECK(grad(x - x, x).item() == 0);
  CHECK(grad(x / x, x).item() == 0);
  check_close(grad(sum(matmul(broadcast_to(x, {2, 2}), broadcast_to(x, {2, 2}))), x), {48});
}

TEST_CASE("gradients of two losses add up in .grad, whatever the graphs share") {
  Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor shared = x * x;
  (shared * 3).backward();
  (shared + x).backward();
  CHECK(x.grad().item() == 12 + 5);
}

TEST_CASE("a handle is not a copy: clone() is") {
  const Tensor a = zeros({2}), b = a, c = clone(a);
  fill_(a, 1);
  check_close(b, {1, 1});
  check_close(c, {0, 0});
}

TEST_CASE("results are fresh: a later call does not change an earlier result") {
  const auto f = [](const Tensor& x) { return exp(x) * 2; };
  const Tensor first = f(zeros({3})), second = f(ones({3}));
  check_close(first, {2, 2, 2});
  check_close(second, {2 * std::exp(1.0), 2 * std::exp(1.0), 2 * std::exp(1.0)}, 1e-6);
}

TEST_CASE("the bytes of a gradient are nobody else's, even where a rule passes its cotangent on") {
  const Tensor x = draw({3}).requires_grad(), y = draw({3}, -1, 1, 1).requires_grad(), seed = ones({3}, {float64});
  const Tensor sum_of_both = x + y;
  Tensors g = grad(sum_of_both, {x, y}, {.seed = seed});
  const Tensor kept = clone(g[1]);
  x.node()->extras().grad = g[0];
  sum(x * 5).backward();  // accumulates into x's gradient
  check_close(g[1], kept);
  check_close(seed, {1, 1, 1});
}

TEST_CASE(".grad has bytes of its own, so that scaling one gradient in place leaves the others alone") {
  Tensor a = draw({3}).requires_grad(), b = draw({3}, -1, 1, 1).requires_grad();
  sum(a + b).backward();  // one cotangent, broadcast from a single number, for both
  mul_(a.grad(), 2);
  check_close(a.grad(), {2, 2, 2});
  check_close(b.grad(), {1, 1, 1});
}

TEST_CASE("requires_grad() after use does not reach back") {
  Tensor x = scalar(2, {float64});
  const Tensor before = x * x;
  x.requires_grad();
  CHECK_FALSE(before.tracked());
  CHECK_THROWS_AS(grad(before, x), Error);
  CHECK(grad(x * x, x).item() == 4);
}

TEST_CASE("a branch of where that is infinite spoils the gradient of the other: protect its operand") {
  const Tensor x = from({0, 4}, {float64}).requires_grad();
  const Tensor spoiled = grad(sum(where(x > 0, sqrt(x), 0)), x);
  CHECK(std::isnan(spoiled.to_vector<double>()[0]));  // 0 times the infinite slope of the branch not taken
  check_close(grad(sum(where(x > 0, sqrt(where(x > 0, x, 1)), 0)), x), {0, 0.25});
}

TEST_CASE("a C++ number takes the tensor's type; tensors never change theirs") {
  const Tensor x = ones({2});
  CHECK((x * 0.1).dtype() == float32);
  CHECK((2 / x).dtype() == float32);
  CHECK((indices({7}) * 2).dtype() == int64);
  CHECK_THROWS_AS(indices({7}) / indices({2}), Error);  // no silent whole or true division
  CHECK_THROWS_AS(x * indices({1, 2}), Error);
  CHECK_THROWS_AS(x + ones({2}, {float64}), Error);
  check_close(indices({int64_t{1} << 60}) + 1, {static_cast<double>((int64_t{1} << 60) + 1)});
}

TEST_CASE("NaN compares like NaN: unequal to itself, in no order") {
  const Tensor n = from({std::nan("")});
  CHECK((n == n).item() == 0);
  CHECK((n != n).item() == 1);
  CHECK((n < 1).item() == 0);
  CHECK((n > 1).item() == 0);
  CHECK(std::isnan(maximum(n, 1).item()));
  CHECK(std::isnan(minimum(1, n).item()));
  CHECK(std::isnan(relu(n).item()));
}

TEST_CASE("a loop variable that is written in place keeps no stale history: the write is refused instead") {
  const Tensor w = scalar(0.5, {float64}).requires_grad();
  Tensor h = scalar(1, {float64});
  for (int i = 0; i < 3; ++i) h = h * w;  // rebinding is the way
  check_close({grad(h, w).item()}, {3 * 0.25});
  CHECK_THROWS_AS(mul_(h, 2), Error);
}

TEST_CASE("a branch on the host is taken once: the gradient is that of the branch") {
  const auto f = [](const Tensor& x) { return x.item() > 0 ? x * x : -x; };
  const Tensor x = scalar(2, {float64}).requires_grad(), y = scalar(-2, {float64}).requires_grad();
  CHECK(grad(f(x), x).item() == 4);
  CHECK(grad(f(y), y).item() == -1);
}

TEST_CASE("tensors of no elements and of no axes have gradients of their own shape") {
  const Tensor none = zeros({0, 3}, {float64}).requires_grad(), one = scalar(2, {float64}).requires_grad();
  CHECK(grad(sum(none * one), none).shape() == Shape{0, 3});
  CHECK(grad(sum(none * one), one).item() == 0);
  CHECK(grad(sum(concat({none, ones({1, 3}, {float64}) * one}, 0)), one).item() == 3);
  CHECK(grad(sum(matmul(zeros({2, 0}, {float64}), none)), none).shape() == Shape{0, 3});
}

TEST_CASE("perturbations of nested derivatives are not confused") {
  // d/dx [x * d/dy (x + y)] = 1, where a single tag for both derivatives would give 2.
  const Tensor x = scalar(1, {float64}).requires_grad();
  const Tensor inner =
      jvp([&](const Tensor& y) { return x + y; }, scalar(1, {float64}), scalar(1, {float64}), {.create_graph = true}).tangent;
  CHECK(pushforward(x * inner, {x}, {scalar(1, {float64})}).item() == 1);
}

TEST_CASE("a tracked tensor may outlive what its thread has used, as a static one does") {
  // Begun first, so that it ends last: after whatever the engine keeps for the thread. The sanitizers watch.
  std::thread([] {
    thread_local Tensor last;
    last = scalar(1, {float64}).requires_grad();
    for (int i = 0; i < 3; ++i) last = last * 2 + last;
    CHECK(last.item() == 27);
  }).join();
}
