// Reading and writing at positions.
#include "tests/autograd/check.h"

using namespace scoregrad;

namespace {

const Tensor x = from({1, 2, 3, 4, 5, 6}, {2, 3}, {float64});

}  // namespace

TEST_CASE("gather, scatter_add, index_select and index_add follow their formulas") {
  const Tensor i = indices({2, 0, 1, 1}, {2, 2});
  check_close(gather(x, 1, i), from({3, 1, 5, 5}, {2, 2}, {float64}));
  check_close(gather(x, 0, indices({1, 0, 1}, {1, 3})), from({4, 2, 6}, {1, 3}, {float64}));
  check_close(scatter_add(x, 1, i, from({10, 20, 30, 40}, {2, 2}, {float64})), from({21, 2, 13, 4, 75, 6}, {2, 3}, {float64}));
  check_close(index_select(x, 1, indices({2, 2, 0})), from({3, 3, 1, 6, 6, 4}, {2, 3}, {float64}));
  check_close(index_select(transpose(x), 0, indices({})), zeros({0, 2}, {float64}));
  check_close(index_add(x, 0, indices({1, 1}), ones({2, 3}, {float64})), from({1, 2, 3, 6, 7, 8}, {2, 3}, {float64}));
  check_close(embedding(x, indices({1, 0, 1}, {3, 1})), from({4, 5, 6, 1, 2, 3, 4, 5, 6}, {3, 1, 3}, {float64}));
  check_close(one_hot(indices({2, 0}), 3), from({0, 0, 1, 1, 0, 0}, {2, 3}));
  check_close(x, {1, 2, 3, 4, 5, 6});  // nothing was written in place
}

TEST_CASE("an index that does not fit is told in the words of the op that was called") {
  const Tensor i = indices({0, 1});
  CHECK(contains(message_of([] { embedding(x[0], indices({0})); }), "embedding: [n, d] wanted for the table, [3] came [at "));
  CHECK(contains(message_of([] { embedding(x, indices({0, 2})); }), "embedding: index 2 is out of range"));
  CHECK(contains(message_of([] { embedding(x, from({0.0})); }), "embedding: the index is float32"));
  CHECK(contains(message_of([&] { index_select(x, 1, unsqueeze(i, 0)); }), "index_select: [n] wanted for the index, [1, 2] came [at "));
  CHECK(contains(message_of([&] { gather(x, 1, i); }), "gather: at most [2, n] wanted for the index, [2] came [at "));
  CHECK(contains(message_of([&] {
                   index_add(x, 1, i, ones({2, 2}));
                 }),
                 "index_add: float64 [2, 2] wanted for src, float32 [2, 2] came [at "));
}

TEST_CASE("indices out of range are refused, negative ones too") {
  for (int64_t bad : {int64_t{3}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(index_select(x, 1, indices({0, bad})), Error);
    CHECK_THROWS_AS(gather(x, 1, indices({bad}, {1, 1})), Error);
    CHECK_THROWS_AS(scatter_add(x, 1, indices({bad}, {1, 1}), ones({1, 1}, {float64})), Error);
    CHECK_THROWS_AS(index_add(x, 1, indices({bad}), ones({2, 1}, {float64})), Error);
    CHECK_THROWS_AS(one_hot(indices({bad}), 3), Error);
  }
  CHECK_THROWS_AS(gather(x, 1, indices({0, 0, 0}, {3, 1})), Error);
  CHECK_THROWS_AS(index_select(x, 0, indices({0, 0}, {1, 2})), Error);
  CHECK_THROWS_AS(index_add(x, 0, indices({0}), ones({2, 3}, {float64})), Error);
}

TEST_CASE("an element that is read twice gets both gradients") {
  const Tensor t = draw({3, 2}).requires_grad();
  check_close(grad(sum(index_select(t, 0, indices({0, 2, 0}))), t), {2, 2, 0, 0, 1, 1});
}

TEST_CASE("an index that is overwritten before the sweep is an error") {
  const Tensor t = draw({3}).requires_grad(), i = indices({0, 1});
  const Tensor y = sum(square(index_select(t, 0, i)));
  fill_(i, 2);
  CHECK(contains(message_of([&] { grad(y, t); }), "fill_"));
}

TEST_CASE("sorting: stable, NaN last, the gradient follows the elements") {
  const Tensor t = from({3, 1, 2, 1}, {float64}).requires_grad();
  const Sorted s = sort(t);
  check_close(s.values, {1, 1, 2, 3});
  check_close(s.indices, {1, 3, 2, 0});
  check_close(sort(t, 0, true).indices, {0, 2, 1, 3});
  check_close(grad(sum(s.values * from({1, 2, 3, 4}, {float64})), t), {4, 1, 3, 2});
  check_close(sort(from({std::nan(""), 1, 0}, {float64})).indices, {2, 1, 0});
  CHECK(sort(indices({5, 3})).values.dtype() == int64);
}
