#include "autograd/tensor/create.h"

#include <cmath>
#include <filesystem>

#include "tests/autograd/check.h"

using namespace scoregrad;

TEST_CASE("new tensors are float32 on the CPU unless told otherwise") {
  CHECK(zeros({2, 3}).dtype() == float32);
  CHECK(zeros({2, 3}).device() == default_device());
  CHECK(scalar(1).rank() == 0);
  CHECK(scalar(1).numel() == 1);
  CHECK(from({1, 2}).dtype() == float32);
  CHECK(indices({1, 2}).dtype() == int64);
  const Tensor x = full({2}, 7, {.dtype = float64});
  CHECK(zeros_like(x).dtype() == float64);
  CHECK(ones_like(x).to_vector<double>() == std::vector<double>{1, 1});
}

TEST_CASE("creation fills every element type") {
  const DType dtype = GENERATE(float32, float64, int64, boolean);
  CHECK(full({3}, 1, {.dtype = dtype}).to_vector<double>() == std::vector<double>{1, 1, 1});
  CHECK(from({0, 1, 1, 0}, {2, 2}, {.dtype = dtype}).to_vector<double>() == std::vector<double>{0, 1, 1, 0});
  CHECK(eye(2, {.dtype = dtype}).to_vector<double>() == std::vector<double>{1, 0, 0, 1});
}

TEST_CASE("arange stops before its end, linspace meets both of its ends") {
  CHECK(arange(0, 5, 2).to_vector<double>() == std::vector<double>{0, 2, 4});
  CHECK(arange(0, 1, 0.25, {.dtype = float64}).to_vector<double>() == std::vector<double>{0, 0.25, 0.5, 0.75});
  CHECK(arange(3, 0, -1).to_vector<double>() == std::vector<double>{3, 2, 1});
  CHECK(arange(3, 0).numel() == 0);
  CHECK(linspace(0, 1, 3).to_vector<double>() == std::vector<double>{0, 0.5, 1});
  CHECK(linspace(-0.1, 0.7, 12, {.dtype = float64}).to_vector<double>().back() == 0.7);
  CHECK(linspace(2, 3, 1).to_vector<double>() == std::vector<double>{2});
  CHECK(linspace(2, 3, 0).numel() == 0);
}

TEST_CASE("creation refuses shapes that are negative, overflow or do not hold the values") {
  CHECK(contains(message_of([] { zeros({2, -1}); }), "negative extent"));
  CHECK(contains(message_of([] { zeros({int64_t{1} << 32, int64_t{1} << 32}); }), "overflows"));
  CHECK(contains(message_of([] { empty({0, int64_t{1} << 62, 8}); }), "overflows"));
  CHECK(contains(message_of([] { from({1, 2, 3}, {2, 2}); }), "3 values for shape [2, 2]"));
  CHECK(contains(message_of([] { indices({1, 2, 3}, {4}); }), "3 values for shape [4]"));
  CHECK_THROWS_AS(linspace(0, 1, -1), Error);
  CHECK_THROWS_AS(arange(0, 1, 0), Error);
  CHECK_THROWS_AS(arange(0, NAN), Error);
  CHECK_THROWS_AS(arange(0, 1e300), Error);
  CHECK_THROWS_AS(eye(-1), Error);
}

TEST_CASE("integers are not made of fractions, NaN or numbers beyond their range") {
  CHECK(contains(message_of([] { full({2}, 0.5, {.dtype = int64}); }), "0.5 is not an int64"));
  CHECK_THROWS_AS(from({1, NAN}, {.dtype = int64}), Error);
  CHECK_THROWS_AS(from({1e19}, {.dtype = int64}), Error);
  CHECK_THROWS_AS(arange(0, 1, 0.5, {.dtype = int64}), Error);
  CHECK(from({-0x1p63}, {.dtype = int64}).to_vector<int64_t>() == std::vector<int64_t>{INT64_MIN});
  CHECK(full({1}, 0.5, {.dtype = boolean}).to_vector<bool>() == std::vector<bool>{true});
}

TEST_CASE("an error names the caller's line") {
  const int line = __LINE__ + 1;
  const std::string text = message_of([] { zeros({-1}); });
  CHECK(contains(text, "create.cpp:" + std::to_string(line)));
  CHECK_FALSE(contains(text, std::filesystem::current_path().string()));  // tests run in the root of the tree
}

TEST_CASE("memory that cannot be had is an error, and the program goes on") {
  const int64_t far_too_many = int64_t{1} << 55;
  CHECK(contains(message_of([&] { zeros({far_too_many}); }), "memory"));
  CHECK(contains(message_of([&] { arange(0, 1e16); }), "memory"));
  const Tensor x = ones({8}).requires_grad();
  CHECK_THROWS_AS(x + zeros({far_too_many / 8, 1}), Error);
  CHECK(sum(x).item() == 8);
  CHECK(grad(sum(x * 2), x).to_vector<double>() == std::vector<double>(8, 2));
}

TEST_CASE("a broadcast whose result overflows is refused") {
  const Tensor one = ones({1});
  const Tensor wide = broadcast_to(one, {int64_t{1} << 40, 1}), high = broadcast_to(one, {1, int64_t{1} << 40});
  CHECK(contains(message_of([&] { wide + high; }), "overflows"));
}

TEST_CASE("from takes nested braces and vectors of every kind of number") {
  CHECK(from({{1, 2, 3}, {4, 5, 6}}).shape() == Shape{2, 3});
  CHECK(from({{{1}, {2}}, {{3}, {4}}, {{5}, {6}}}).shape() == Shape{3, 2, 1});
  CHECK(from({{1, 2.5}, {-3, 4}}, {float64}).to_vector<double>() == std::vector<double>{1, 2.5, -3, 4});
  CHECK(from({{1, 2}, {3, 4}}, {4}).to_vector<double>() == std::vector<double>{1, 2, 3, 4});
  CHECK(from({}).shape() == Shape{0});
  CHECK(from({{}, {}}).shape() == Shape{2, 0});
  CHECK(from(3).shape() == Shape{});
  CHECK(from(std::vector<float>{0.5f, 1}, {float64}).to_vector<double>() == std::vector<double>{0.5, 1});
  CHECK(from(std::vector<int>{-1, 7}, {2, 1}, {int64}).to_vector<int64_t>() == std::vector<int64_t>{-1, 7});
  CHECK(from(std::vector<int64_t>{3}).dtype() == float32);
  CHECK(from(std::vector<bool>{true, false, true}, {boolean}).to_vector<bool>() == std::vector<bool>{true, false, true});
  CHECK(contains(message_of([] { from({{1, 2}, {3}}); }), "from: rows of different lengths"));
  CHECK(contains(message_of([] { from({{1, 2}, {3, 4}}, {3}); }), "from: 4 values for shape [3], which wants 3"));
}
