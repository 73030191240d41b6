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
  check_close(slogdet(a).logabsdet, {std::log(std::abs(determinant))});
  CHECK(slogdet(broadcast_to(a, {2, 4, 3, 3})).logabsdet.shape() == Shape{2, 4});
  const LogDeterminant several = slogdet(from({0, 1, 1, 0, 2, 0, 0, 3, 1, 2, 2, 4}, {3, 2, 2}, {float64}).requires_grad());
  check_close(several.sign, {-1, 1, 0});
  check_close(several.logabsdet, {0, std::log(6.0), -INFINITY});
  CHECK_FALSE(several.sign.tracked());
  CHECK(several.logabsdet.tracked());
}

TEST_CASE("eigenvalues ascend, vectors are orthonormal, and both give the symmetric part back") {
  for (DType dtype : {float64, float32}) {
    const double tolerance = dtype == float64 ? 1e-13 : 1e-5;
    const Tensor a = draw({2, 3, 5, 5}, -2, 2, 3, dtype);
    const auto [w, v] = eigh(a);
    CHECK(w.shape() == Shape{2, 3, 5});
    check_close(matmul(v * unsqueeze(w, -2), transpose(v)), 0.5 * (a + transpose(a)), tolerance);
    check_close(matmul(transpose(v), v), broadcast_to(eye(5, {dtype}), v.shape()), tolerance);
    CHECK(all(slice_axis(w, -1, 1, 5) >= slice_axis(w, -1, 0, 4)).item() == 1);
    check_close(max(v, {-2}), max(abs(v), {-2}), 0);
  }
  // 2 x 2 by the quadratic formula: 1 and 3, vectors (1, -1) and (1, 1) over the root of 2, signs by the first entry among equals.
  const auto [w, v] = eigh(from({2, 1, 1, 2}, {2, 2}, {float64}));
  const double h = std::sqrt(0.5);
  check_close(w, {1, 3});
  check_close(abs(v), {h, h, h, h});
  CHECK(eigh(zeros({0, 0})).values.shape() == Shape{0});
  CHECK(contains(message_of([] { eigh(full({2, 2}, NAN, {float64})); }), "eigh: matrix of shape [2, 2]"));
  CHECK(contains(message_of([] { eigh(zeros({2, 3})); }), "eigh: [.., n, n] wanted, [2, 3] came"));
}

TEST_CASE("equal eigenvalues have gradients where the sum does not care which is which") {
  Tensor a = eye(3, {float64}).requires_grad();
  check_close(grad(sum(eigh(a).values), a), eye(3, {float64}));
  CHECK_FALSE(std::isfinite(grad(sum(eigh(a).vectors * draw({3, 3})), a).to_vector<double>()[1]));
}

TEST_CASE("what does not depend on the signs of eigenvectors has the gradient of its closed form") {
  Tensor a = draw({4, 4}, -1, 1, 5).requires_grad();
  const Tensor s = 0.5 * (a + transpose(a)), u = draw({4, 4}, -1, 1, 6);
  const auto [w, v] = eigh(a);
  const Tensor cube = matmul(v * unsqueeze(w * w * w, -2), transpose(v));
  check_close(cube, matmul(s, matmul(s, s)));
  check_close(grad(sum(u * cube), a), grad(sum(u * matmul(s, matmul(s, s))), a), 1e-11);
  const Tensor powers = sum(w * w * w * w);
  check_close(grad(powers, a), 4 * matmul(s, matmul(s, s)), 1e-11);
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
