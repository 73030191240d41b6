#include "autograd/tensor/tensor.h"
#include "autograd/backend/machine.h"

#include <cmath>

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("an undefined tensor says so, whatever is asked of it") {
  const Tensor x;
  CHECK_FALSE(x.defined());
  CHECK_FALSE(x.tracked());
  CHECK_FALSE(x.is_leaf());
  CHECK(std::string(x.made_by()).empty());
  CHECK(contains(message_of([&] { x.shape(); }), "undefined"));
  CHECK_THROWS_AS(x.dtype(), Error);
  CHECK_THROWS_AS(x.item(), Error);
  CHECK_THROWS_AS(x + 1, Error);
  CHECK_THROWS_AS(sum(x), Error);
  CHECK_THROWS_AS(concat({x, ones({1})}, 0), Error);
  CHECK_THROWS_AS(Tensor(x).requires_grad(), Error);
  CHECK_THROWS_AS(x.detach(), Error);
  CHECK_THROWS_AS(x.backward(), Error);
  CHECK_THROWS_AS(grad(x, ones({1}).requires_grad()), Error);
  CHECK_THROWS_AS(x.to(float64), Error);
}

TEST_CASE("handles share a tensor, axes count from either end") {
  Tensor x = zeros({2, 3});
  const Tensor same = x;
  fill_(x, 4);
  CHECK(same.to_vector<double>() == std::vector<double>(6, 4));
  CHECK(x.extent(-1) == 3);
  CHECK(x.extent(0) == 2);
  CHECK_THROWS_AS(x.extent(2), Error);
  CHECK_THROWS_AS(x.extent(-3), Error);
}

TEST_CASE("item wants one element and converts it") {
  CHECK(scalar(2.5).item() == 2.5);
  CHECK(full({1, 1}, 3, {.dtype = int64}).item() == 3);
  CHECK(from({1}, {.dtype = boolean}).item() == 1);
  CHECK(contains(message_of([] { ones({2}).item(); }), "shape [2] has 2 elements"));
  CHECK_THROWS_AS(zeros({0}).item(), Error);
}

TEST_CASE("what int64 cannot hold comes out as a cast makes it") {
  const std::vector<int64_t> want{0, INT64_MAX, INT64_MIN, -2};
  CHECK(from({std::nan(""), 1e300, -INFINITY, -2.7}, {float64}).to_vector<int64_t>() == want);
}

TEST_CASE("elements come out in row-major order of the view") {
  const Tensor x = reshape(arange(0, 6), {2, 3});
  CHECK(transpose(x).to_vector<int64_t>() == std::vector<int64_t>{0, 3, 1, 4, 2, 5});
  CHECK(broadcast_to(from({1, 2}), {2, 2}).to_vector<float>() == std::vector<float>{1, 2, 1, 2});
  CHECK((x > 2).to_vector<bool>() == std::vector<bool>{false, false, false, true, true, true});
}

TEST_CASE("names survive requires_grad in either order and reach the description of an error") {
  const Tensor a = ones({1}).named("a").requires_grad(), b = ones({1}).requires_grad().named("b");
  CHECK(a.name() == "a");
  CHECK(b.name() == "b");
  sum(a * b).backward();
  CHECK(a.name() == "a");
  CHECK(contains(message_of([&] { grad(sum(a), b); }), "'b'"));
}

TEST_CASE("only floating tensors require a gradient, and only leaves by request") {
  CHECK(contains(message_of([] { indices({1}).requires_grad(); }), "int64 has no gradient"));
  CHECK_THROWS_AS(from({1}, {.dtype = boolean}).requires_grad(), Error);
  const Tensor x = ones({1}).requires_grad();
  Tensor y = x * 2;
  CHECK_THROWS_AS(y.requires_grad(), Error);
  CHECK_NOTHROW(y.detach().requires_grad());
  CHECK_THROWS_AS(y.grad(), Error);
}

TEST_CASE("element types and devices never mix") {
  const Tensor f = ones({2}), d = ones({2}, {.dtype = float64}), i = indices({1, 2}), b = from({1, 0}, {.dtype = boolean});
  CHECK(contains(message_of([&] { f + d; }), "add: operands of float32 and float64; element types never mix"));
  CHECK_THROWS_AS(f * i, Error);
  CHECK_THROWS_AS(i + b, Error);
  CHECK_THROWS_AS(b + b, Error);
  CHECK_THROWS_AS(matmul(f, d), Error);
  CHECK_THROWS_AS(concat({f, d}, 0), Error);
  CHECK_THROWS_AS(where(f, f, f), Error);
  CHECK_THROWS_AS(where(b, f, d), Error);
  CHECK_THROWS_AS(exp(i), Error);
  CHECK((f + d.to(float32)).to_vector<double>() == std::vector<double>{2, 2});
}

TEST_CASE("a number takes the tensor's type, and a fraction never meets int64") {
  CHECK((ones({1}) + 1).dtype() == float32);
  CHECK((1 / ones({1}, {.dtype = float64})).dtype() == float64);
  const Tensor i = indices({5, -7});
  CHECK((i * 2).dtype() == int64);
  CHECK((i * 2).to_vector<int64_t>() == std::vector<int64_t>{10, -14});
  CHECK((i + 2.0).to_vector<int64_t>() == std::vector<int64_t>{7, -5});
  CHECK(contains(message_of([&] { i * 0.5; }), "the number 0.5 meets a tensor of int64"));
  CHECK_THROWS_AS(i + NAN, Error);
  CHECK_THROWS_AS(i + 1e300, Error);
  CHECK((i + INT64_C(9007199254740993)).to_vector<int64_t>()[0] == INT64_C(9007199254740998));  // more than a double can hold
}

TEST_CASE("comparisons with NaN are false, but for not-equal") {
  const Tensor x = from({NAN, 1, INFINITY}), y = from({NAN, NAN, INFINITY});
  const auto truth = [](const Tensor& t) { return t.to_vector<bool>(); };
  CHECK(truth(x < y) == std::vector<bool>{false, false, false});
  CHECK(truth(x <= y) == std::vector<bool>{false, false, true});
  CHECK(truth(x > y) == std::vector<bool>{false, false, false});
  CHECK(truth(x >= y) == std::vector<bool>{false, false, true});
  CHECK(truth(x == y) == std::vector<bool>{false, false, true});
  CHECK(truth(x != y) == std::vector<bool>{true, true, false});
}

TEST_CASE("tensors without elements go through ops and gradients") {
  const Tensor x = zeros({0, 3}).requires_grad();
  CHECK((x * 2 + 1).shape() == Shape{0, 3});
  CHECK(sum(x).item() == 0);
  CHECK(sum(x, {0}).to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK(matmul(x, zeros({3, 2})).shape() == Shape{0, 2});
  CHECK(matmul(zeros({2, 0}), zeros({0, 2})).to_vector<double>() == std::vector<double>(4, 0));
  CHECK(concat({x, ones({2, 3})}, 0).shape() == Shape{2, 3});
  CHECK(grad(sum(exp(x)), x).shape() == Shape{0, 3});
  CHECK_THROWS_AS(max(x), Error);
  CHECK_THROWS_AS(x + zeros({2, 3}), Error);
}

TEST_CASE("indices and axes out of range are errors that name the op") {
  const Tensor x = reshape(arange(0, 6), {2, 3});
  CHECK(contains(message_of([&] { select(x, 0, 2); }), "select"));
  CHECK_THROWS_AS(select(x, 0, -3), Error);
  CHECK_THROWS_AS(sum(x, {2}), Error);
  CHECK_THROWS_AS(slice_axis(x, 1, 2, 4), Error);
  CHECK_THROWS_AS(index_select(x, 0, indices({2})), Error);
  CHECK_THROWS_AS(permute(x, {0, 0}), Error);
  CHECK_THROWS_AS(reshape(x, {4, 2}), Error);
  CHECK_THROWS_AS(reshape(x, {-1, 4}), Error);
  CHECK_THROWS_AS(unsqueeze(zeros({1, 1, 1, 1, 1, 1, 1, 1}), 0), Error);
}

TEST_CASE("a device that this build lacks is an error") {
  if (available(cuda)) return;
  CHECK(contains(message_of([] { zeros({1}, {.device = cuda}); }), "cuda"));
  CHECK_THROWS_AS(ones({1}).to(cuda), Error);
}
