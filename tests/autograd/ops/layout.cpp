// Where elements go: views, joins, paddings, triangles, copies.
#include "autograd/backend/machine.h"
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Tensor x = from({1, 2, 3, 4, 5, 6}, {2, 3}, {float64});

}  // namespace

TEST_CASE("views have the elements of their formula and share the bytes") {
  check_close(transpose(x), from({1, 4, 2, 5, 3, 6}, {3, 2}, {float64}));
  check_close(reshape(transpose(x), {-1}), {1, 4, 2, 5, 3, 6});
  check_close(slice(x, {{}, {{}, {}, -1}}), from({3, 2, 1, 6, 5, 4}, {2, 3}, {float64}));
  check_close(slice(x, {{-1, {}}, {0, 5, 2}}), from({4, 6}, {1, 2}, {float64}));
  check_close(slice(x, {{2, 1}}), zeros({0, 3}, {float64}));
  check_close(select(x, 1, -1), {3, 6});
  check_close(flip(x, {0, 1}), from({6, 5, 4, 3, 2, 1}, {2, 3}, {float64}));
  check_close(diagonal(slice_axis(x, 1, 1, 3)), {2, 6});
  check_close(diag(from({1, 2}, {float64})), from({1, 0, 0, 2}, {2, 2}, {float64}));
  CHECK(unsqueeze(x, -1).shape() == Shape{2, 3, 1});
  CHECK(squeeze(ones({1, 3, 1})).shape() == Shape{3});
  CHECK(squeeze(ones({1, 3, 1}), {0}).shape() == Shape{3, 1});
  CHECK(flatten(ones({2, 3, 4}), 1).shape() == Shape{2, 12});
  for (const Tensor& view : {transpose(x), reshape(x, {3, 2}), select(x, 0, 1), flip(x, {1}), broadcast_to(x, {4, 2, 3})})
    CHECK(view.body().storage.get() == x.body().storage.get());
}

TEST_CASE("joining, cutting, padding and rolling") {
  const Tensor y = from({7, 8}, {2, 1}, {float64});
  check_close(concat({x, y}, 1), from({1, 2, 3, 7, 4, 5, 6, 8}, {2, 4}, {float64}));
  check_close(concat({x, x, x}, 0), reshape(concat({reshape(x, {6}), reshape(x, {6}), reshape(x, {6})}, -1), {6, 3}));
  check_close(concat({transpose(x), zeros({0, 2}, {float64})}, 0), transpose(x));
  check_close(stack({x, x * 2}, 2), from({1, 2, 2, 4, 3, 6, 4, 8, 5, 10, 6, 12}, {2, 3, 2}, {float64}));
  CHECK(stack({scalar(1), scalar(2)}).shape() == Shape{2});
  const Tensors pieces = split(x, {1, 0, 2}, 1);
  check_close(pieces[0], from({1, 4}, {2, 1}, {float64}));
  CHECK(pieces[1].shape() == Shape{2, 0});
  check_close(pieces[2], from({2, 3, 5, 6}, {2, 2}, {float64}));
  CHECK_THROWS_AS(split(x, {1, 1}, 1), Error);
  CHECK_THROWS_AS(split(x, {4, -1}, 1), Error);
  CHECK_THROWS_AS(split(x, {INT64_MAX, INT64_MAX, 5}, 1), Error);
  CHECK(contains(message_of([] { split(x, std::vector<int64_t>(9, 1), 1); }), "split: pieces of [1, 1, 1, 1, 1, 1, 1, 1, 1]"));
  CHECK_THROWS_AS(pad(indices({1}), {{1, 0}}, 0.5), Error);
  check_close(pad(x, {{0, 1}, {1, 0}}, 9), from({9, 1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9}, {3, 4}, {float64}));
  CHECK_THROWS_AS(pad(x, {{0, -1}, {0, 0}}), Error);
  check_close(roll(x, 1, 1), from({3, 1, 2, 6, 4, 5}, {2, 3}, {float64}));
  check_close(roll(x, -4, 1), from({2, 3, 1, 5, 6, 4}, {2, 3}, {float64}));
  check_close(roll(x, 6, 1), x);
  check_close(roll(x, INT64_MIN, 1), roll(x, INT64_MIN % 3, 1));
  CHECK_THROWS_AS(concat({}, 0), Error);
}

TEST_CASE("triangles") {
  const Tensor m = ones({2, 3, 3}, {float64});
  check_close(select(tril(m), 0, 1), from({1, 0, 0, 1, 1, 0, 1, 1, 1}, {3, 3}, {float64}));
  check_close(select(triu(m, 1), 0, 0), from({0, 1, 1, 0, 0, 1, 0, 0, 0}, {3, 3}, {float64}));
  check_close(tril(x, -1), from({0, 0, 0, 4, 0, 0}, {2, 3}, {float64}));
  check_close(triu(x), from({1, 2, 3, 0, 5, 6}, {2, 3}, {float64}));
  check_close(tril(from({1, std::nan(""), 2, 3}, {2, 2}, {float64})), from({1, 0, 2, 3}, {2, 2}, {float64}));
  check_close(tril(x, INT64_MAX), x);
  check_close(triu(x, INT64_MIN), x);
  check_close(triu(x, INT64_MAX), zeros_like(x));
  CHECK_THROWS_AS(tril(from({1.0})), Error);
}

TEST_CASE("copies: contiguous, clone, casts") {
  CHECK(contiguous(x).body().storage.get() == x.body().storage.get());
  CHECK(clone(x).body().storage.get() != x.body().storage.get());
  CHECK(contiguous(transpose(x)).is_contiguous());
  check_close(clone(transpose(x)), transpose(x));
  check_close(from({-1.7, 0.2, 2.9}).to(int64), {-1, 0, 2});
  check_close(from({-1.7, 0, 2.9}).to(boolean), {1, 0, 1});
  check_close(indices({3, -4}).to(float32), {3, -4});
  CHECK(x.to(float64).body().storage.get() == x.body().storage.get());
  CHECK(x.to(x.device()).body().storage.get() == x.body().storage.get());
  if (!available(cuda)) CHECK(contains(message_of([] { x.to(cuda); }), "cuda"));
  const Tensor leaf = from({1, 2}).requires_grad();
  const Tensor g = grad(sum(square(leaf.to(float64))), leaf);
  CHECK(g.dtype() == float32);
  check_close(g, {2, 4});
}

TEST_CASE("a step past the end takes one element, however long it is") {
  const Tensor x = draw({2, 3}), column = transpose(x);
  for (int64_t step : {int64_t{5}, INT64_MAX}) check_close(slice(column, {{{}, {}, step}}), slice_axis(column, 0, 0, 1));
  for (int64_t step : {int64_t{-5}, INT64_MIN}) check_close(slice(column, {{{}, {}, step}}), slice_axis(column, 0, 2, 3));
}

TEST_CASE("shapes past the largest rank or integer are refused before anything is computed") {
  CHECK_THROWS_AS(unsqueeze(ones({1, 1, 1, 1, 1, 1, 1, 1}), 0), Error);
  CHECK_THROWS_AS(diag(ones({1, 1, 1, 1, 1, 1, 1, 1})), Error);
  CHECK_THROWS_AS(broadcast_to(ones({1}), {int64_t{1} << 32, int64_t{1} << 32}), Error);
  CHECK(contains(message_of([] { reshape(ones({6}), {-1, 4}); }), "[6] to [-1, 4]"));
  CHECK_THROWS_AS(reshape(ones({6}), {int64_t{1} << 40, int64_t{1} << 40}), Error);
  CHECK_THROWS_AS(reshape(ones({6}), {-1, int64_t{1} << 40, int64_t{1} << 40}), Error);
  const Tensor huge = broadcast_to(ones({1}), {int64_t{1} << 40});
  CHECK_THROWS_AS(unsqueeze(huge, 0) + unsqueeze(huge, 1), Error);
  CHECK_THROWS_AS(concat(Tensors(int64_t{1} << 21, huge), 0), Error);
}

TEST_CASE("x[i] is a view of one entry of the first axis, and differentiable") {
  check_close(x[1], {4, 5, 6});
  check_close(x[-1][0], {4});
  const Tensor leaf = from({{1, 2}, {3, 4}}, {float64}).requires_grad();
  check_close(grad(sum(square(leaf[1])), leaf), from({{0, 0}, {6, 8}}, {float64}));
  const Tensor bytes = zeros({2, 2});
  fill_(bytes[0], 7);
  check_close(bytes, {7, 7, 0, 0});
  CHECK(contains(message_of([] { concat({x, ones({2, 4})}, 0); }), "concat: [n, 3] wanted for a tensor beside [2, 3], [2, 4] came [at "));
  CHECK(contains(message_of([] { stack({x, ones({2}, like(x))}); }), "stack: [2, 3] wanted for every tensor, [2] came [at "));
  CHECK(contains(message_of([] { tril(ones({2})); }), "tril: [.., n, m] wanted, [2] came [at "));
  CHECK(contains(message_of([] { x[2]; }), "select: index 2 wanted of axis 0 of [2, 3], which has 2"));
}
