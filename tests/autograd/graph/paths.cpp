// Gradients by path: c reaches a loss in several ways, and each way can be asked about.
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/custom.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Tensor w = draw({2, 3}, -1, 1, 5);

// A loss that uses c as network input, in the distribution and in the target, and once without a label.
Tensor loss(const Tensor& c) {
  const Tensor net = tanh(matmul(c.tag("net"), w)), dist = exp(0.1 * matmul(c.tag("dist"), w)), target = sin(matmul(c.tag("target"), w));
  return sum(square(net * dist - target)) + sum(c * c);
}
// The part along one path, by detaching the others.
Tensor loss_along(const std::string& path, const Tensor& c) {
  const auto use = [&](const char* label) { return path == label ? c : c.detach(); };
  const Tensor net = tanh(matmul(use("net"), w)), dist = exp(0.1 * matmul(use("dist"), w)), target = sin(matmul(use("target"), w));
  return sum(square(net * dist - target)) + sum(use("") * use(""));
}

}  // namespace

TEST_CASE("the parts are what detaching all other ways gives, and they sum to the gradient") {
  const Tensor c = draw({4, 2}).requires_grad();
  const GradByPath g = grad_by_path(loss(c), c);
  Tensor parts = zeros_like(c);
  for (const char* path : {"net", "dist", "target", ""}) {
    CAPTURE(path);
    check_close(g.along(path), grad(loss_along(path, c), c), 1e-13);
    parts = parts + g.along(path);
  }
  CHECK(g.by_path.size() == 4);
  check_close(g.total, grad(loss(c), c), 1e-14);
  check_close(parts, g.total, 1e-14);
  check_close(g.along("nowhere"), zeros_like(c));
}

TEST_CASE("upstream of the tags the labels stay apart: phi in c = f_phi(x)") {
  const Tensor phi = draw({3, 2}, -1, 1, 2).requires_grad(), x = draw({4, 3});
  const auto encode = [&] { return tanh(matmul(x, phi)); };
  const GradByPath g = grad_by_path(loss(encode()), phi);
  for (const char* path : {"net", "dist", "target", ""}) {
    CAPTURE(path);
    check_close(g.along(path), grad(loss_along(path, encode()), phi), 1e-13);
  }
  check_close(g.total, grad(loss(encode()), phi), 1e-14);
}

TEST_CASE("several targets from one sweep") {
  const Tensor a = draw({4, 2}).requires_grad(), b = draw({4, 2}, -1, 1, 1).requires_grad();
  const std::vector<GradByPath> g = grad_by_path(loss(a * b), Tensors{a, b});
  check_close(g[0].along("net"), grad_by_path(loss(a * b), a).along("net"));
  check_close(g[1].along("dist"), grad_by_path(loss(a * b), b).along("dist"));
}

TEST_CASE("nested tags form a name, the tag nearest the loss first") {
  const Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor inner = (x * x).tag("far");
  const Tensor y = exp(inner).tag("near") + inner + x.tag("far") * 3;
  const GradByPath g = grad_by_path(y, x);
  check_close({g.along("near/far").item()}, {4 * std::exp(4.0)});
  check_close({g.along("far").item()}, {4 + 3});
  CHECK(g.by_path.size() == 2);
}

TEST_CASE("forward mode names the same paths with the same parts") {
  const Tensor c = draw({4, 2}).requires_grad(), v = draw({4, 2}, -1, 1, 1);
  const Tensor y = loss(c);
  const GradByPath back = grad_by_path(y, c), forth = pushforward_by_path(y, c, v);
  for (const char* path : {"net", "dist", "target", ""}) {
    CAPTURE(path);
    check_close({forth.along(path).item()}, {sum(v * back.along(path)).item()}, 1e-13);
  }
  const Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor z = exp((x * x).tag("far")).tag("near");
  check_close({pushforward_by_path(z, x, scalar(1, {float64})).along("near/far").item()}, {4 * std::exp(4.0)});
}

TEST_CASE("paths pass through checkpoints, with tags inside, outside and on both sides") {
  const Tensor c = draw({4, 2}).requires_grad(), v = draw({4, 2}, -1, 1, 1);
  const Tensor thin = checkpoint(loss, c), thick = loss(c);
  const GradByPath a = grad_by_path(thin, c), b = grad_by_path(thick, c);
  CHECK(a.by_path.size() == 4);
  for (const auto& [path, part] : b.by_path) {
    CAPTURE(path);
    check_close(a.along(path), part, 1e-14);
  }
  const GradByPath forth = pushforward_by_path(thin, c, v);
  check_close({forth.along("net").item()}, {sum(v * b.along("net")).item()}, 1e-13);

  const Tensor x = scalar(2, {float64}).requires_grad();
  const auto f = [](const Tensor& t) { return exp(t.tag("in")) + t; };
  const GradByPath g = grad_by_path(checkpoint(f, (x * x).tag("far")).tag("near"), x);
  check_close({g.along("near/in/far").item()}, {4 * std::exp(4.0)});
  check_close({g.along("near/far").item()}, {4});
}

TEST_CASE("a parameter captured by a checkpoint has its gradient by path") {
  const Tensor p = draw({2, 3}, -1, 1, 3).requires_grad(), c = draw({4, 2});
  const auto f = [p](const Tensor& t) { return sum(square(matmul(t, p.tag("left")) - sin(matmul(t, p.tag("right"))))); };
  const GradByPath a = grad_by_path(checkpoint(f, c), p), b = grad_by_path(f(c), p);
  check_close(a.along("left"), b.along("left"), 1e-14);
  check_close(a.along("right"), b.along("right"), 1e-14);
  check_close(a.total, b.total, 1e-14);
}

TEST_CASE("paths pass through custom ops") {
  const Custom cube{"cube", [](const Tensors& x) { return x[0] * x[0] * x[0]; },
                    [](const Tensors& x, const Tensor&, const Tensor& g) { return Tensors{3 * g * square(x[0])}; }};
  const Tensor x = scalar(2, {float64}).requires_grad();
  const GradByPath g = grad_by_path(cube({x.tag("a")}) + cube({x.tag("b")}) * 10, x);
  CHECK(g.along("a").item() == 12);
  CHECK(g.along("b").item() == 120);
}

TEST_CASE("parts can be differentiated again") {
  const Tensor c = draw({4, 2}).requires_grad();
  const GradByPath g = grad_by_path(loss(c), c, {.create_graph = true});
  const Tensor direct = grad(loss_along("net", c), c, {.create_graph = true});
  REQUIRE(g.along("net").tracked());
  // The part along "net" depends on c in every way; detach() in the comparison freezes the others, so compare where only one is used.
  const auto only = [](const Tensor& t) { return sum(exp(t.tag("net") * 0.5)) + sum(t * t); };
  const Tensor part = grad_by_path(only(c), c, {.create_graph = true}).along("net");
  check_close(grad(sum(part), c), 0.25 * exp(0.5 * c.detach()));
  check_close(g.along("net"), direct, 1e-13);
  // A gradient of a gradient is itself a computation through the tags, and can be split.
  const Tensor x = scalar(2, {float64}).requires_grad();
  const Tensor y = grad(exp(x.tag("a")) * x.tag("b"), x, {.create_graph = true});
  const GradByPath second = grad_by_path(y, x);
  check_close({second.total.item()}, {4 * std::exp(2.0)});
}

TEST_CASE("an ordinary sweep does not see tags, and a label is checked") {
  const Tensor c = draw({4, 2}).requires_grad();
  check_close(grad(sum(exp(c.tag("a")) + c.tag("b")), c), 1 + exp(c.detach()));
  CHECK_THROWS_AS(c.tag(""), Error);
  CHECK_THROWS_AS(c.tag("a/b"), Error);
  CHECK_FALSE(draw({2}).tag("a").tracked());
}
