// Writing in place: what it does, what it refuses, and what it tells the graph.
#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("in-place writes reach every view of the bytes, and only the written elements") {
  const Tensor x = zeros({2, 3}, {float64});
  copy_(select(x, 0, 1), from({1, 2, 3}, {float64}));
  check_close(x, {0, 0, 0, 1, 2, 3});
  fill_(slice_axis(x, 1, 1, 2), 7);
  check_close(x, {0, 7, 0, 1, 7, 3});
  add_(x, from({10, 20, 30}, {float64}));
  check_close(x, {10, 27, 30, 11, 27, 33});
  mul_(transpose(x), from({1, 0}, {float64}));
  check_close(x, {10, 27, 30, 0, 0, 0});
  add_(x, 1);
  copy_(x, flip(x, {0, 1}));  // reads and writes the same bytes in different orders
  check_close(x, {1, 1, 1, 31, 28, 11});
  add_(x, x);
  check_close(x, {2, 2, 2, 62, 56, 22});
  copy_(x, x);
  zero_(x);
  check_close(x, {0, 0, 0, 0, 0, 0});
  const Tensor i = indices({1, 2});
  mul_(i, 3);
  check_close(i, {3, 6});
}

TEST_CASE("while recording, writes into or from a recorded computation are refused") {
  const Tensor p = draw({3}).requires_grad(), h = exp(p), free = zeros({3}, {float64});
  CHECK(contains(message_of([&] { add_(p, 1); }), "add_: writes into a tensor that is part of a recorded computation"));
  CHECK_THROWS_AS(copy_(h, free), Error);
  CHECK_THROWS_AS(zero_(p), Error);
  CHECK(contains(message_of([&] { copy_(free, h); }), "copy_: what is written has a gradient that would be lost"));
  const NoGrad plain;
  add_(p, h);  // an optimiser's step
  CHECK(p.tracked());
}

TEST_CASE("a gradient that needs an overwritten value is refused, naming the line that saved and the line that wrote") {
  const Tensor x = draw({3}), p = draw({3}, -1, 1, 1).requires_grad();
  const int saved = __LINE__ + 1;
  const Tensor y = mul(x, p);
  const Tensor loss = sum(y);
  const int written = __LINE__ + 1;
  add_(x, 1);
  const std::string text = message_of([&] { grad(loss, p); });
  CAPTURE(text);
  CHECK(contains(text, "mul"));
  CHECK(contains(text, "add_"));
  CHECK(contains(text, "inplace.cpp:" + std::to_string(saved)));
  CHECK(contains(text, "inplace.cpp:" + std::to_string(written)));
}

TEST_CASE("a write that no rule cares about does no harm") {
  const Tensor x = draw({3}), p = draw({3}).requires_grad();
  const Tensor loss = sum(add(x, p));
  zero_(x);
  check_close(grad(loss, p), {1, 1, 1});
  const Tensor q = draw({3}).requires_grad();
  const Tensor y = sum(square(q));
  const NoGrad plain;
  mul_(q, 0.5);
  CHECK_THROWS_AS(grad(y, q), Error);  // a parameter stepped before its gradient was taken
}

TEST_CASE("a result saved by its own rule is guarded through detached views too") {
  const Tensor p = draw({3}).requires_grad();
  const Tensor y = exp(p);
  const Tensor loss = sum(y);
  zero_(y.detach());
  CHECK(contains(message_of([&] { grad(loss, p); }), "saved its result, which fill_"));
}

TEST_CASE("writes that do not fit are refused") {
  const Tensor x = zeros({2, 3}, {float64});
  CHECK_THROWS_AS(copy_(x, ones({3, 2}, {float64})), Error);
  CHECK_THROWS_AS(copy_(x, ones({4, 2, 3}, {float64})), Error);
  CHECK_THROWS_AS(copy_(x, ones({2, 3})), Error);
  CHECK_THROWS_AS(add_(indices({1}), 0.5), Error);
  CHECK_THROWS_AS(mul_(ones({2}, {boolean}), 1), Error);
  CHECK(contains(message_of([&] { fill_(broadcast_to(scalar(1), {3}), 2); }), "share their bytes"));
  check_close(x, {0, 0, 0, 0, 0, 0});
}

TEST_CASE("+= gives its name to a new tensor: other handles keep the old one, and gradients flow through both") {
  Tensor a = from({1, 2}, {float64});
  const Tensor before = a;
  a += 1;
  a *= from({2, 3}, {float64});
  a -= from({1}, {float64});
  a /= 2;
  check_close(a, {1.5, 4});
  check_close(before, {1, 2});
  const Tensor w = scalar(0.5, {float64}).requires_grad();
  Tensor h = w * 3;
  for (int i = 0; i < 2; ++i) h *= w;
  check_close({grad(h, w).item()}, {3 * 3 * 0.25});
  Tensor step = zeros({}, {float64});
  step += w;
  CHECK(step.tracked());
}

TEST_CASE("+= on a leaf is refused, recording or not: its name would go to another tensor") {
  Tensor w = scalar(0.5, {float64}).requires_grad();
  CHECK(contains(message_of([&] { w -= 0.1; }), "-=: the left side is a leaf that requires a gradient"));
  const NoGrad plain;
  CHECK_THROWS_AS(w += 1, Error);
  add_(w, 1);
  CHECK(w.item() == 1.5);
  Tensor number = zeros({2});
  CHECK(contains(message_of([&] { number += zeros({3}); }), "add: shapes [2] and [3] do not broadcast"));
}
