// Derivatives of functions, of one tensor and of several, against derivatives by hand.
#include "autograd/graph/jacobian.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Options f64{float64};

// f(a, b) = sum a^2 b over [2] and []:  df/da = 2 a b, df/db = sum a^2, H = [[2 b I, 2 a], [2 a', 0]].
Tensor f(const Tensors& x) { return sum(square(x[0]) * x[1]); }
// g(a, b) = a^2 b:  J_a = diag(2 a b), J_b = a^2.
Tensor g(const Tensors& x) { return square(x[0]) * x[1]; }

Tensors at_ab() { return {from({3, 4}, f64), scalar(2, f64)}; }

}  // namespace

TEST_CASE("every transform takes several tensors and answers for each") {
  const Tensors x = at_ab(), v{from({1, -1}, f64), scalar(0.5, f64)};
  const ValueAndGrads both = value_and_grad(f, x);
  CHECK(both.value.item() == 50);
  check_close(both.grads[0], {12, 16});
  check_close(both.grads[1], {25});
  CHECK_FALSE(both.value.tracked());

  check_close(jvp(g, x, v).tangent, {2 * 3 * 2 * 1 + 9 * 0.5, -2 * 4 * 2 * 1 + 16 * 0.5});
  const ValueAndCotangents back = vjp(g, x, from({1, 10}, f64));
  check_close(back.value, {18, 32});
  check_close(back.cotangents[0], {12, 160});
  check_close(back.cotangents[1], {9 + 160});

  const Tensors h = hvp(f, x, v);
  check_close(h[0], {2 * 2 * 1 + 2 * 3 * 0.5, 2 * 2 * -1 + 2 * 4 * 0.5});
  check_close(h[1], {2 * 3 * 1 + 2 * 4 * -1});

  const Tensors j = jacobian(g, x);  // fewer results than arguments: by rows
  check_close(j[0], from({{12, 0}, {0, 16}}, f64));
  check_close(j[1], {9, 16});
  const Tensors tall = jacobian([](const Tensors& t) { return concat({t[0] * t[1], t[0], t[0]}, 0); }, x);  // by columns
  check_close(tall[0], from({{2, 0}, {0, 2}, {1, 0}, {0, 1}, {1, 0}, {0, 1}}, f64));
  check_close(tall[1], {3, 4, 0, 0, 0, 0});
}

TEST_CASE("of one tensor a transform answers with one") {
  const Function cube = [](const Tensor& x) { return sum(x * x * x); };
  const Tensor x = from({1, 2}, f64), v = from({1, 10}, f64);
  const ValueAndGrad r = value_and_grad(cube, x);
  CHECK(r.value.item() == 9);
  check_close(r.grad, {3, 12});
  check_close(hvp(cube, x, v), {6, 120});
  const Tensor leaf = from({1, 2}, f64).requires_grad();
  check_close(pushforward(leaf * leaf, leaf, v), {2, 40});
  const Tensor y = leaf.tag("near") * leaf;
  check_close(pushforward_by_path(y, Tensors{leaf}, Tensors{v}).along("near"), {1, 20});
}

TEST_CASE("what f does not depend on has derivatives of zero, to any order") {
  const Functions constant = [](const Tensors&) { return ones({}, {float64}); };
  const Functions first = [](const Tensors& x) { return sum(square(x[0])); };
  const Tensors x = at_ab(), v{ones({2}, f64), ones({}, f64)};
  CHECK(jvp(constant, x, v).tangent.item() == 0);
  check_close(vjp(constant, x, ones({}, f64)).cotangents[0], {0, 0});
  check_close(hvp(constant, x, v)[0], {0, 0});
  CHECK(hvp(first, x, v)[1].item() == 0);
  CHECK(jacobian(first, x)[1].item() == 0);
  check_close(jacobian(constant, x)[0], {0, 0});
  CHECK(jacobian([](const Tensors& t) { return t[1]; }, {zeros({0}, f64), scalar(1, f64)})[0].shape() == Shape{0});
}

TEST_CASE("with create_graph a transform of tracked tensors can be differentiated again") {
  const Tensors x{from({3, 4}, f64).requires_grad(), scalar(2, f64).requires_grad()}, v{ones({2}, f64), ones({}, f64)};
  const GradOptions again{.create_graph = true};
  check_close(grad(sum(value_and_grad(f, x, again).grads[0]), x[1]), {14});
  check_close(grad(sum(hvp(f, x, v, again)[0]), x[1]), {4});
  check_close(grad(sum(vjp(g, x, ones({2}, f64), again).cotangents[0]), x[0]), {4, 4});
  check_close(grad(sum(jvp(g, x, v, again).tangent), x[1]), {14});
  check_close(grad(sum(jacobian(g, x, again)[1]), x[0]), {6, 8});
}

TEST_CASE("transforms refuse a seed, and directions that do not fit") {
  const GradOptions seeded{.seed = ones({}, f64)};
  const Tensors x = at_ab();
  CHECK(contains(message_of([&] { jvp(g, x, x, seeded); }), "jvp: takes no seed"));
  CHECK(contains(message_of([&] { vjp(g, x, x[0], seeded); }), "vjp: takes no seed"));
  CHECK(contains(message_of([&] { hvp(f, x, x, seeded); }), "hvp: takes no seed"));
  CHECK(contains(message_of([&] { jacobian(g, x, seeded); }), "jacobian: takes no seed"));
  CHECK(contains(message_of([&] { jvp(g, x, {x[0]}); }), "jvp: 2 tensors and 1 tangents"));
  CHECK(contains(message_of([&] { jvp(g, x, {x[1], x[1]}); }), "jvp: [2] wanted for a tangent, [] came"));
  CHECK(contains(message_of([&] { vjp(g, x, x[1]); }), "vjp: [2] wanted for the seed, [] came"));
}
