// Jacobians, Hessians and divergences against hand-written derivatives.
#include "autograd/graph/jacobian.h"

#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Tensor w = draw({3, 2}, -1, 1, 1), v = draw({2, 4}, -1, 1, 2);

// x -> tanh(x W) V on rows: Jacobian V' diag(1 - h^2) W'.
Tensor network(const Tensor& x) { return matmul(tanh(matmul(x, w)), v); }
Tensor network_jacobian(const Tensor& x) {
  const Tensor h = tanh(matmul(x, w));
  return einsum("hk,bh,ih->bki", {v, 1 - square(h), w});
}
// A field on [B, 3].
Tensor field(const Tensor& x) { return matmul(tanh(matmul(x, w)), transpose(w)) + x * x * x; }
Tensor field_divergence(const Tensor& x) {
  const Tensor h = tanh(matmul(x, w));
  return einsum("bh,ih,ih->b", {1 - square(h), w, w}) + sum(3 * square(x), {1});
}

}  // namespace

TEST_CASE("a Jacobian is the same by rows and by columns") {
  const Tensor x = draw({2, 3});
  const Tensor j = jacobian(network, x);  // [2, 4, 2, 3]: fewer columns than rows
  REQUIRE(j.shape() == Shape{2, 4, 2, 3});
  const Tensor each = network_jacobian(x);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t other = 0; other < 2; ++other) {
      const Tensor block = select(select(j, 0, b), 1, other);
      check_close(block, b == other ? select(each, 0, b) : zeros_like(block));
    }
  const auto narrow_end = [](const Tensor& t) { return slice_axis(network(t), 1, 0, 1); };  // fewer rows than columns
  check_close(jacobian(narrow_end, x), slice_axis(j, 1, 0, 1));
  CHECK_FALSE(j.tracked());
}

TEST_CASE("Jacobians of scalars, of constants and of nothing") {
  check_close(jacobian([](const Tensor& x) { return sum(square(x)); }, from({1, 2}, {float64})), from({2, 4}, {float64}));
  check_close(jacobian([](const Tensor& x) { return x; }, scalar(3, {float64})), scalar(1, {float64}));
  check_close(jacobian([](const Tensor&) { return ones({2}, {float64}); }, from({1, 2, 3}, {float64})), zeros({2, 3}, {float64}));
  CHECK(jacobian([](const Tensor& x) { return x * 2; }, zeros({0}, {float64})).shape() == Shape{0, 0});
}

TEST_CASE("the Jacobians of a batch take as many sweeps as one of them") {
  const Tensor x = draw({5, 3});
  check_close(batch_jacobian(network, x), network_jacobian(x));
  const auto one = [](const Tensor& t) { return select(network(t), 1, 2); };
  check_close(batch_jacobian(one, x), select(network_jacobian(x), 1, 2));
  CHECK(contains(message_of([&] { batch_jacobian([](const Tensor& t) { return sum(t); }, x); }),
                 "batch_jacobian: [n, ..] and [n, ..] wanted for x and f(x), [5, 3] and [] came"));
}

TEST_CASE("a Hessian is symmetric and that of the formula") {
  const Tensor x = draw({3}), a = draw({3, 3}, -1, 1, 1);
  const auto f = [&](const Tensor& t) { return dot(t, matmul(a, t)) + sum(exp(t)); };
  const Tensor h = hessian(f, x);
  check_close(h, a + transpose(a) + diag(exp(x)));
  check_close(hessian([](const Tensor& t) { return sum(t); }, x), zeros({3, 3}, {float64}));
  CHECK_THROWS_AS(hessian([](const Tensor& t) { return t * t; }, x), Error);
}

TEST_CASE("the exact divergence is the trace of each row's Jacobian, and comes with the value") {
  const Tensor x = draw({5, 3});
  const ValueAndDivergence r = divergence(field, x);
  check_close(r.value, field(x));
  check_close(r.divergence, field_divergence(x));
  check_close(r.divergence, sum(diagonal(batch_jacobian(field, x)), {1}));
  CHECK(divergence(field, zeros({0, 3}, {float64})).divergence.shape() == Shape{0});
  CHECK(
      contains(message_of([&] { divergence(network, x); }), "divergence: [n, d] and [n, d] wanted for x and f(x), [5, 3] and [5, 4] came"));
}

TEST_CASE("Hutchinson's estimate over all signs is the exact divergence") {
  const Tensor x = draw({2, 3});
  std::vector<double> signs;
  for (int m = 0; m < 8; ++m)
    for (int b = 0; b < 2; ++b)
      for (int i = 0; i < 3; ++i) signs.push_back(m >> i & 1 ? 1 : -1);
  const Tensor probes = from(signs, {8, 2, 3}, {float64});
  check_close(divergence(field, x, probes).divergence, field_divergence(x));
  const Tensor single = select(probes, 0, 3);
  check_close(divergence(field, x, single).divergence,
              sum(single * squeeze(matmul(batch_jacobian(field, x), unsqueeze(single, -1)), {2}), {1}));
  CHECK_THROWS_AS(divergence(field, x, draw({3, 3})), Error);
}

TEST_CASE("parameters inside f get gradients through all of them") {
  const Tensor x = draw({4, 3}), probes = draw({2, 4, 3}, -1, 1, 3);
  const auto with = [](const Tensors& p) { return [p](const Tensor& t) { return matmul(tanh(matmul(t, p[0])), transpose(p[0])); }; };
  const auto check = [&](const char* name, const Functions& f) {
    CAPTURE(name);
    check_gradients(f, {w}, {.order = 1, .directions = 1});
  };
  check("exact", [&](const Tensors& p) { return divergence(with(p), x, {.create_graph = true}).divergence; });
  check("Hutchinson", [&](const Tensors& p) { return divergence(with(p), x, probes, {.create_graph = true}).divergence; });
  check("jacobian", [&](const Tensors& p) { return jacobian(with(p), x, {.create_graph = true}); });
  check("batch_jacobian", [&](const Tensors& p) { return batch_jacobian(with(p), x, {.create_graph = true}); });
  check("hessian", [&](const Tensors& p) {
    return hessian([&](const Tensor& t) { return sum(with(p)(t)); }, select(x, 0, 0), {.create_graph = true});
  });
  // x itself, where it is tracked
  check_gradients([&](const Tensors& p) { return divergence(field, p[0], {.create_graph = true}).divergence; }, {x}, {.directions = 1});
}
