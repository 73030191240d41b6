// Whatever goes wrong names a line of the program that called: never one of the library, nor of the headers behind std::function.
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/custom.h"
#include "autograd/graph/jacobian.h"
#include "autograd/graph/observer.h"
#include "autograd/ops/random.h"
#include "autograd/tensor/key.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

void names_us(const std::function<void()>& f) { speaks_of(__FILE__, f); }

const Tensor none, a = draw({2, 3}), b = draw({4}), i = indices({0, 5}), flags = a > 0;
Tensor leaf() { return draw({2, 3}).requires_grad(); }

}  // namespace

TEST_CASE("an op named as a function, an alias or a lambda behind std::function speaks of its caller") {
  const Function refuses = logical_not;  // floating tensors have no such op
  const Functions several = [](const Tensors& x) { return logical_not(x[0]); };
  const Tensor x = leaf();
  names_us([&] { jvp(refuses, a, a); });
  names_us([&] { vjp(refuses, a, a); });
  names_us([&] { hvp(refuses, a, a); });
  names_us([&] { value_and_grad(refuses, a); });
  names_us([&] { value_and_grad(several, {a}); });
  names_us([&] { jacobian(refuses, a); });
  names_us([&] { batch_jacobian(refuses, a); });
  names_us([&] { hessian(refuses, a); });
  names_us([&] { divergence(refuses, a); });
  names_us([&] { divergence(refuses, a, a); });
  names_us([&] { checkpoint(refuses, x); });
  names_us([&] { gradcheck(several, {a}); });
  names_us([&] {
    const Tensor h = exp(x);
    register_hook(h, refuses);
    grad(sum(h), x);
  });
  const Custom custom{"custom", several, [&](const Tensors& xs, const Tensor&, const Tensor&) { return Tensors{refuses(xs[0])}; }};
  names_us([&] { custom({x}); });
  const Custom backward{"backward", [](const Tensors& xs) { return exp(xs[0]); },
                        [&](const Tensors& xs, const Tensor&, const Tensor&) { return Tensors{refuses(xs[0])}; }};
  names_us([&] { grad(sum(backward({x})), x); });
}

TEST_CASE("every derivative names its caller") {
  const Tensor x = leaf(), y = sum(exp(x));
  const Function twice = [](const Tensor& t) { return t * 2; };
  for (const std::function<void()>& f : std::vector<std::function<void()>>{[&] { grad(a, x); },
                                                                           [&] { grad(y, a); },
                                                                           [&] { grad(exp(x), x); },
                                                                           [&] { grad(y, leaf()); },
                                                                           [&] { grad(none, x); },
                                                                           [&] { grad(y, x, {.seed = b}); },
                                                                           [&] { grad_by_path(y, a); },
                                                                           [&] { pushforward(y, x, b); },
                                                                           [&] { pushforward(y, a, a); },
                                                                           [&] {
                                                                             pushforward(y, {x, x}, {a});
                                                                           },
                                                                           [&] { pushforward_by_path(y, x, b); },
                                                                           [&] { jvp(twice, a, b); },
                                                                           [&] { vjp(twice, a, b); },
                                                                           [&] { hvp(twice, a, a); },
                                                                           [&] { jvp(twice, i, i); },
                                                                           [&] { jacobian(twice, i); },
                                                                           [&] { hessian(twice, a); },
                                                                           [&] { divergence(twice, b); },
                                                                           [&] { divergence(x * 2, a); },
                                                                           [&] { divergence(twice, a, b); },
                                                                           [&] { value_and_grad(twice, a); },
                                                                           [&] { a.backward(); },
                                                                           [&] { exp(x).backward(); },
                                                                           [&] { a.grad(); },
                                                                           [&] { exp(x).grad(); },
                                                                           [&] { draw({2}).retain_grad(); },
                                                                           [&] { draw({2}, 0, 9, 0, int64).requires_grad(); },
                                                                           [&] { exp(x).requires_grad(); },
                                                                           [&] { register_hook(a, twice); },
                                                                           [&] { a.tag(""); },
                                                                           [&] { straight_through(a, b); },
                                                                           [&] { a.item(); },
                                                                           [&] { a.extent(2); },
                                                                           [&] { none.tag("t"); },
                                                                           [&] { gradcheck([](const Tensors& t) { return t[0]; }, {i}); }})
    names_us(f);
}

TEST_CASE("every op names its caller") {
  const Tensor x = leaf(), three = draw({3}), deep = ones({1, 1, 1, 1, 1, 1, 1, 1});
  for (const std::function<void()>& f : std::vector<std::function<void()>>{[&] { a + b; },
                                                                           [&] { -none; },
                                                                           [&] { a* i; },
                                                                           [&] { 0.5 + i; },
                                                                           [&] { a&& a; },
                                                                           [&] { where(a, a, a); },
                                                                           [&] { pow(a, b); },
                                                                           [&] { sum(a, {2}); },
                                                                           [&] { prod(flags); },
                                                                           [&] { max(a, {3}); },
                                                                           [&] { min(zeros({0})); },
                                                                           [&] { argmax(a, 2); },
                                                                           [&] { argmin(flags, 0); },
                                                                           [&] { cumsum(a, 2); },
                                                                           [&] { mean(i); },
                                                                           [&] { var(a, {4}); },
                                                                           [&] { stddev(i); },
                                                                           [&] { norm(i); },
                                                                           [&] { logsumexp(a, {7}); },
                                                                           [&] { any(a); },
                                                                           [&] { all(a); },
                                                                           [&] { any(flags, {4}); },
                                                                           [&] { reshape(a, {4}); },
                                                                           [&] {
                                                                             permute(a, {0, 0});
                                                                           },
                                                                           [&] { transpose(b); },
                                                                           [&] { unsqueeze(deep, 0); },
                                                                           [&] { squeeze(a, {0}); },
                                                                           [&] { flatten(a, 1, 0); },
                                                                           [&] {
                                                                             slice(a, {{}, {}, {}});
                                                                           },
                                                                           [&] { slice_axis(a, 0, 1, 9); },
                                                                           [&] { select(a, 0, 2); },
                                                                           [&] { a[2]; },
                                                                           [&] { flip(a, {2}); },
                                                                           [&] { diagonal(a); },
                                                                           [&] {
                                                                             concat({a, b}, 0);
                                                                           },
                                                                           [&] {
                                                                             stack({a, b});
                                                                           },
                                                                           [&] { split(a, {1}, 0); },
                                                                           [&] {
                                                                             pad(a, {{1, 1}});
                                                                           },
                                                                           [&] {
                                                                             pad(i, {{1, 1}}, 0.5);
                                                                           },
                                                                           [&] { roll(a, 1, 2); },
                                                                           [&] { tril(b); },
                                                                           [&] { triu(b); },
                                                                           [&] { diag(scalar(1)); },
                                                                           [&] { contiguous(none); },
                                                                           [&] { clone(none); },
                                                                           [&] { to(none, float32); },
                                                                           [&] { broadcast_to(a, {4}); },
                                                                           [&] { gather(a, 0, i); },
                                                                           [&] {
                                                                             scatter_add(a, 0, indices({0}, {1, 1}), b);
                                                                           },
                                                                           [&] { index_select(a, 0, i); },
                                                                           [&] { index_add(a, 0, i, b); },
                                                                           [&] { embedding(a, i); },
                                                                           [&] { one_hot(i, 3); },
                                                                           [&] { sort(a, 2); },
                                                                           [&] { matmul(a, b); },
                                                                           [&] { outer(a, b); },
                                                                           [&] { dot(a, b); },
                                                                           [&] { trace(a); },
                                                                           [&] {
                                                                             einsum("ij,jk->ik", {a, b});
                                                                           },
                                                                           [&] { cholesky(a); },
                                                                           [&] { cholesky(-eye(2, {float64})); },
                                                                           [&] { solve(a, b); },
                                                                           [&] {
                                                                             solve(zeros({2, 2}, {float64}), a);
                                                                           },
                                                                           [&] { triangular_solve(a, b); },
                                                                           [&] {
                                                                             inverse(zeros({2, 2}, {float64}));
                                                                           },
                                                                           [&] { slogdet(a); },
                                                                           [&] { eigh(a); },
                                                                           [&] { conv1d(a, b); },
                                                                           [&] { conv2d(a, b); },
                                                                           [&] { conv_transpose1d(a, b); },
                                                                           [&] { conv_transpose2d(a, b); },
                                                                           [&] { max_pool1d(a, 9); },
                                                                           [&] { max_pool2d(a, 9); },
                                                                           [&] { avg_pool1d(a, 9); },
                                                                           [&] { avg_pool2d(a, 9); },
                                                                           [&] { upsample(a, 0); },
                                                                           [&] { clamp(a, 2, 1); },
                                                                           [&] { clamp(i, 0.5, 2); },
                                                                           [&] { clamp(a, b, 1); },
                                                                           [&] { leaky_relu(i); },
                                                                           [&] { elu(i); },
                                                                           [&] { softmax(a, 7); },
                                                                           [&] { log_softmax(i); },
                                                                           [&] { layer_norm(a, b, b); },
                                                                           [&] { group_norm(a, 2, b, b); },
                                                                           [&] { instance_norm(a, b, b); },
                                                                           [&] { copy_(x, a); },
                                                                           [&] { fill_(x, 1); },
                                                                           [&] { zero_(none); },
                                                                           [&] { add_(a, b); },
                                                                           [&] { mul_(a, x); },
                                                                           [&] { a.to(int64).to(float64) + i; },
                                                                           [&] {
                                                                             Tensor t = x;
                                                                             t += 1;
                                                                           }})
    names_us(f);
}

TEST_CASE("every creation names its caller") {
  const Key key(1);
  for (const std::function<void()>& f : std::vector<std::function<void()>>{[&] { empty({-1}); },
                                                                           [&] { zeros({-1}); },
                                                                           [&] { ones({-1}); },
                                                                           [&] { full({2}, 0.5, {int64}); },
                                                                           [&] { zeros_like(none); },
                                                                           [&] { scalar(0.5, {int64}); },
                                                                           [&] { arange(0, 1, 0); },
                                                                           [&] { linspace(0, 1, -1); },
                                                                           [&] { eye(-1); },
                                                                           [&] {
                                                                             from({1, 2}, {3});
                                                                           },
                                                                           [&] {
                                                                             from({{1}, {2, 3}});
                                                                           },
                                                                           [&] { from(std::vector<float>{1}, {2}); },
                                                                           [&] { from(std::vector<int>{1}, {-2}); },
                                                                           [&] { from({0.5}, {int64}); },
                                                                           [&] { indices({1}, {2}); },
                                                                           [&] { uniform({-1}, key); },
                                                                           [&] { normal({2}, key, {int64}); },
                                                                           [&] { rademacher({2}, key, {int64}); },
                                                                           [&] { integers(2, 1, {2}, key); },
                                                                           [&] { integers(0, 1, {-2}, key); },
                                                                           [&] { permutation(-1, key); },
                                                                           [&] { Key(b).fold(1); }})
    names_us(f);
}
