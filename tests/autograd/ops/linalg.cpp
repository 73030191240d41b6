// Factorisations and solves against their defining equations, products against loops.
#include "scoregrad/config.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

Tensor positive(const Shape& batch, int64_t n) {
  Shape s = batch;
  s.push_back(n);
  s.push_back(n);
  const Tensor a = draw(s, -1, 1);
  return matmul(a, transpose(a)) + eye(n, {float64});
}

}  // namespace

TEST_CASE("cholesky reads the lower triangle, and its gradient is symmetric") {
  const Tensor a = positive({2}, 3), l = cholesky(a);
  check_close(matmul(l, transpose(l)), a);
  check_close(triu(l, 1), zeros_like(l));
  check_close(cholesky(tril(a)), l);
  Tensor leaf = a.detach().requires_grad();
  const Tensor g = grad(sum(cholesky(leaf) * draw({3, 3}, -1, 1, 1)), leaf);
  check_close(g, transpose(g));
  CHECK(contains(message_of([] { cholesky(-eye(2, {float64})); }), "cholesky"));
}

TEST_CASE("solves satisfy their equations, broadcast over leading axes") {
  const Tensor a = positive({}, 3) + draw({3, 3}, -0.3, 0.3, 1), b = draw({4, 3, 2});
  check_close(matmul(a, solve(a, b)), b);
  check_close(matmul(solve(positive({4}, 3), select(b, 0, 0)), ones({2, 1}, {float64})),
              solve(positive({4}, 3), matmul(select(b, 0, 0), ones({2, 1}, {float64}))));
  check_close(matmul(tril(a), triangular_solve(a, b)), b);
  check_close(matmul(triu(a), triangular_solve(a, b, Triangle::upper)), b);
  check_close(matmul(transpose(tril(a)), triangular_solve(a, b, Triangle::lower, true)), b);
  check_close(matmul(inverse(a), a), eye(3, {float64}));
  check_close(inverse(broadcast_to(a, {2, 3, 3})), broadcast_to(inverse(a), {2, 3, 3}));
  CHECK(contains(message_of([&] { solve(a, draw({3})); }), "unsqueeze"));
  CHECK(contains(message_of([&] { solve(zeros({2, 2}, {float64}), draw({2, 1})); }), "singular"));
}

TEST_CASE("gradients of broadcast solves are summed over the repeats") {
  check_gradients([](const Tensors& v) { return solve(v[0] + eye(3, {float64}) * 3, v[1]); }, {draw({3, 3}, -1, 1), draw({2, 3, 2})});
  check_gradients([](const Tensors& v) { return triangular_solve(v[0] + eye(3, {float64}) * 3, v[1]); },
                  {draw({2, 3, 3}, -1, 1), draw({3, 2})});
}

TEST_CASE("log |det| is that of the permutations' sum, whatever the sign") {
  const Tensor a = from({0, 2, -1, 3, 1, 0, 1, 1, 1}, {3, 3}, {float64});
  const double determinant = 0 * (1 - 0) - 2 * (3 - 0) + -1 * (3 - 1);
  check_close(logabsdet(a), {std::log(std::abs(determinant))});
  CHECK(logabsdet(broadcast_to(a, {2, 4, 3, 3})).shape() == Shape{2, 4});
}

TEST_CASE("einsum is the sum over all letters that the result lacks") {
  const Tensor a = draw({2, 3, 4}), b = draw({2, 5, 4}, -1, 1, 1), s = draw({3, 3}), v = draw({3}, -1, 1, 2);
  check_close(einsum("bij,bkj->bik", {a, b}), matmul(a, transpose(b)));
  check_close(einsum("bij,bkj->kbi", {a, b}), permute(matmul(a, transpose(b)), {2, 0, 1}));
  check_close(einsum("bij -> ", {a}), sum(a));
  check_close(einsum("bij->jb", {a}), transpose(sum(a, {1})));
  check_close(einsum("ii", {s}), trace(s));
  check_close(einsum("ii->i", {s}), diagonal(s));
  check_close(einsum("ij", {s}), s);
  check_close(einsum("ji", {s}), transpose(s));
  check_close(einsum("i,j", {v, v}), outer(v, v));
  check_close(einsum("i,i", {v, v}), dot(v, v));
  check_close(einsum("i,ij,j->", {v, s, v}), dot(v, matmul(s, v)));
  check_close(einsum("i,i,i->i", {v, v, v}), v * v * v);
  check_close(einsum("ijj,k->ik", {draw({2, 3, 3}), v}), outer(sum(diagonal(draw({2, 3, 3})), {1}), v));
  check_close(einsum(",i->i", {scalar(2, {float64}), v}), 2 * v);
  CHECK(einsum("ij,jk->ik", {zeros({2, 0}), zeros({0, 3})}).shape() == Shape{2, 3});
  for (const char* bad : {"ij,jk", "i.j->ij", "ij->ijk", "ij->ii", "i->i", "ij,->i"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(einsum(bad, {s}), Error);
  }
  CHECK_THROWS_AS(einsum("", {}), Error);
}
