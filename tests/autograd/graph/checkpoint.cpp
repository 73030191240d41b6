// Checkpoints give the gradients of what they stand for, and keep nothing.
#include "autograd/graph/checkpoint.h"

#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

Tensor block(const Tensor& x, const Tensor& weight) { return tanh(matmul(x, weight)) + x; }

}  // namespace

TEST_CASE("a checkpoint's gradients are those without it, for arguments and for captured parameters") {
  const Tensor x = draw({2, 3}).requires_grad(), p = draw({3, 3}, -1, 1, 1).requires_grad();
  const Tensor plain = sum(square(block(block(x, p), p)));
  const auto kept = [p](const Tensor& t) { return block(t, p); };
  const Tensor thin = sum(square(checkpoint(kept, checkpoint(kept, x))));
  CHECK(thin.item() == plain.item());
  const Tensors want = grad(plain, {x, p}), got = grad(thin, {x, p});
  for (size_t i = 0; i < 2; ++i) check_close(got[i], want[i], 1e-14);
  check_close(pushforward(thin, {x, p}, want), pushforward(plain, {x, p}, want));
}

TEST_CASE("a captured tensor that was computed from another captured one is not counted twice") {
  const Tensor a = draw({3}).requires_grad();
  const Tensor b = exp(a);
  const auto f = [=](const Tensor& t) { return t * a * b; };
  const Tensor y = sum(checkpoint(f, a)), want = sum(f(a));
  check_close(grad(y, a), grad(want, a), 1e-14);
  const Tensor v = draw({3}, -1, 1, 1);
  check_close(pushforward(y, {a}, {v}), pushforward(want, {a}, {v}), 1e-14);
}

TEST_CASE("checkpoints nest and differentiate to third order") {
  const auto inner = [](const Tensor& t) { return sin(t) * t; };
  const auto outer = [inner](const Tensor& t) { return checkpoint(inner, t * t) + checkpoint(inner, t); };
  const auto derivative = [](const Function& f, int order) {
    const Tensor x = scalar(0.7, {float64}).requires_grad();
    Tensor y = checkpoint(f, x);
    for (int i = 0; i < order; ++i) y = grad(y, x, {.create_graph = true});
    return y.item();
  };
  const auto direct = [&](int order) {
    const Tensor x = scalar(0.7, {float64}).requires_grad();
    Tensor y = inner(x * x) + inner(x);
    for (int i = 0; i < order; ++i) y = grad(y, x, {.create_graph = true});
    return y.item();
  };
  for (int order = 0; order < 4; ++order) {
    CAPTURE(order);
    check_close({derivative(outer, order)}, {direct(order)}, 1e-12);
  }
}

TEST_CASE("a checkpoint keeps its arguments only, and runs f once a sweep") {
  int runs = 0;
  const Tensor x = draw({4}).requires_grad();
  const Tensor y = checkpoint(
      [&runs](const Tensor& t) {
        ++runs;
        return exp(exp(exp(t * 0.1)));
      },
      x);
  CHECK(runs == 1);
  CHECK(y.node()->saved_count() == 1);
  Node* const root = y.node();
  CHECK(reachable({&root, 1}).size() == 2);  // the checkpoint and the leaf
  grad(sum(y), x);
  CHECK(runs == 2);
  {
    const NoGrad plain;
    checkpoint([](const Tensor& t) { return t * 2; }, x);
  }
  CHECK_FALSE(checkpoint([](const Tensor& t) { return t * 2; }, draw({2})).tracked());
}

TEST_CASE("a checkpoint frees what f made, until it is swept") {
  const Tensor x = draw({1 << 16}).requires_grad();
  const int64_t before = backend(default_device()).memory().live;
  const auto f = [](const Tensor& t) { return sin(sin(sin(sin(t)))); };
  const Tensor thin = checkpoint(f, x);
  const int64_t with = backend(default_device()).memory().live - before;
  const Tensor thick = f(x);
  const int64_t without = backend(default_device()).memory().live - before - with;
  const int64_t bytes = x.numel() * 8;
  CHECK(with < bytes + 4096);
  CHECK(without >= 4 * bytes);
}

TEST_CASE("hooks on a captured leaf hear the whole gradient once") {
  const Tensor p = draw({3}).requires_grad(), x = draw({3}, -1, 1, 1).requires_grad();
  int calls = 0;
  std::vector<double> heard;
  register_hook(p, [&](const Tensor& g) {
    ++calls;
    heard = g.to_vector<double>();
    return Tensor();
  });
  const Tensor y = sum(checkpoint([p](const Tensor& t) { return t * p; }, x) + p * p);
  const Tensor g = grad(y, p);
  CHECK(calls == 1);
  check_close(heard, (x + 2 * p).to_vector<double>());
  check_close(g, x.detach() + 2 * p.detach());
}

TEST_CASE("a checkpoint may return an argument, a captured tensor or a constant") {
  const Tensor x = draw({3}).requires_grad(), p = exp(x);
  check_close(grad(sum(checkpoint([](const Tensor& t) { return t; }, x)), x), {1, 1, 1});
  check_close(grad(sum(checkpoint([p](const Tensor&) { return p; }, x)), x), exp(x).detach());
  CHECK_FALSE(checkpoint([](const Tensor&) { return ones({2}, {float64}); }, x).tracked());
}

TEST_CASE("an argument overwritten before the sweep is an error, not a wrong gradient") {
  Tensor x = draw({3}).requires_grad();
  const Tensor y = sum(checkpoint([](const Tensor& t) { return t * t; }, x));
  {
    const NoGrad plain;
    mul_(x, 2);
  }
  CHECK(contains(message_of([&] { grad(y, x); }), "mul_"));
}

TEST_CASE("checkpoints in checkpoints do not end with the stack of their thread") {
  // y = x (1 + h)^depth, each level a checkpoint around all below it; 64 KiB of a level's own frame make few levels many.
#ifdef __clang__
  constexpr int depth = __has_feature(thread_sanitizer) ? 30 : 300;  // that sanitizer knows one stack only
#else
  constexpr int depth = 300;
#endif
  const double h = 1e-3;
  std::function<Tensor(const Tensor&, int)> level = [&](const Tensor& x, int left) -> Tensor {
    volatile char frame[1 << 16];
    frame[0] = static_cast<char>(left);
    if (left == 0) return x;
    const Tensor y = checkpoint([&, left](const Tensor& z) { return level(z, left - 1); }, x * (1 + h));
    return frame[0] == static_cast<char>(left) ? y : Tensor();
  };
  const Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor y = level(x, depth);
  CHECK(std::abs(y.item() - 2 * std::pow(1 + h, depth)) < 1e-12);
  CHECK(std::abs(grad(y, x).item() - std::pow(1 + h, depth)) < 1e-12);
  {
    const NoGrad plain;
    CHECK(std::abs(level(x, depth).item() - 2 * std::pow(1 + h, depth)) < 1e-12);
  }
  // What is thrown at the bottom arrives at the top.
  std::function<Tensor(const Tensor&, int)> broken = [&](const Tensor& z, int left) -> Tensor {
    volatile char frame[1 << 16];
    frame[0] = 1;
    if (left == 0) throw Error({}, "at the bottom");
    return checkpoint([&, left](const Tensor& t) { return broken(t, left - 1); }, z) * static_cast<double>(frame[0]);
  };
  CHECK_THROWS_AS(broken(x, depth), Error);
}
