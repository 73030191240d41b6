#include "autograd/tensor/print.h"

#include <cmath>
#include <sstream>

#include "autograd/ops/ops.h"
#include "scoregrad/fmt.h"
#include "tests/catch.h"

using namespace scoregrad;

namespace {

/// The text on the device on which these tests run.
std::string here(std::string text) { return text.replace(text.rfind(" cpu") + 1, 3, name_of(default_device())); }

}  // namespace

TEST_CASE("numbers of a tensor share a width and drop the zeros that all of them end with") {
  CHECK(to_string(from({1, -2.5, 100})) == here("[  1.0,  -2.5, 100.0]  float32 [3] cpu"));
  CHECK(to_string(from({1, 2, 3, 4}, {2, 2}, {.dtype = float64})) == here("[[1, 2],\n [3, 4]]  float64 [2, 2] cpu"));
  CHECK(to_string(scalar(0.8)) == here("0.8  float32 [] cpu"));
  CHECK(to_string(from({0.125, 1.0 / 3})) == here("[0.1250, 0.3333]  float32 [2] cpu"));
}

TEST_CASE("very large and very small numbers print in scientific notation") {
  CHECK(to_string(scalar(1e-10, {.dtype = float64}), {.describe = false}) == "1.0000e-10");
  CHECK(to_string(from({1.5, 3e7}), {.describe = false}) == "[1.5000e+00, 3.0000e+07]");
  CHECK(to_string(from({0, 1e7}), {.describe = false}) == "[       0, 10000000]");
}

TEST_CASE("what is not finite prints as nan, inf and -inf") {
  CHECK(to_string(from({1, NAN, INFINITY, -INFINITY, -0.0, 2.5}, {2, 3}), {.describe = false}) ==
        "[[ 1.0,  nan,  inf],\n [-inf, -0.0,  2.5]]");
  CHECK(to_string(scalar(NAN), {.describe = false}) == "nan");
}

TEST_CASE("integers and booleans print as such, exactly") {
  CHECK(to_string(indices({INT64_MIN, INT64_MAX}), {.describe = false}) == "[-9223372036854775808,  9223372036854775807]");
  CHECK(to_string(from({1, 0}, {.dtype = boolean})) == here("[ true, false]  bool [2] cpu"));
}

TEST_CASE("undefined and empty tensors print") {
  CHECK(to_string(Tensor()) == "undefined");
  CHECK(to_string(zeros({0, 3})) == here("[]  float32 [0, 3] cpu"));
  CHECK(to_string(zeros({2, 0})) == here("[]  float32 [2, 0] cpu"));
}

TEST_CASE("the description says how a tensor is tracked and its name") {
  const Tensor x = from({1, 2}).named("x").requires_grad();
  CHECK(to_string(x) == here("[1, 2]  float32 [2] cpu, leaf 'x'"));
  CHECK(to_string(x * 2) == here("[2, 4]  float32 [2] cpu, from mul"));
  CHECK(to_string((x * 2).detach()) == here("[2, 4]  float32 [2] cpu"));
}

TEST_CASE("the middle of long axes is left out, also of views") {
  const Tensor x = arange(0, 2000);
  CHECK(to_string(x) == here("[   0,    1,    2, ..., 1997, 1998, 1999]  float32 [2000] cpu"));
  CHECK(to_string(flip(x, {0}), {.describe = false}) == "[1999, 1998, 1997, ...,    2,    1,    0]");
  CHECK(to_string(transpose(reshape(x, {2, 1000})), {.describe = false}) ==
        "[[   0, 1000],\n [   1, 1001],\n [   2, 1002],\n ...,\n [ 997, 1997],\n [ 998, 1998],\n [ 999, 1999]]");
  CHECK(to_string(x, {.describe = false, .edge = 1}) == "[   0, ..., 1999]");
  CHECK(to_string(arange(0, 9), {.describe = false, .limit = 8, .edge = 2}) == "[0, 1, ..., 7, 8]");
}

TEST_CASE("a tensor of rank eight prints, its text stays short") {
  const Tensor x = zeros({9, 9, 9, 1, 9, 9, 1, 9});
  const std::string text = to_string(x);
  CHECK(text.size() < 3000);
  CHECK(text.substr(0, 20) == "[[[[[[[[0, ..., 0]],");
  CHECK(to_string(ones({1, 1, 1, 1, 1, 1, 1, 1}), {.describe = false}) == "[[[[[[[[1]]]]]]]]");
}

TEST_CASE("matrices of a stack are set apart by an empty line") {
  CHECK(to_string(arange(0, 8, 1, {.dtype = int64}), {.describe = false}) == "[0, 1, 2, 3, 4, 5, 6, 7]");
  CHECK(to_string(reshape(arange(0, 8), {2, 2, 2}), {.describe = false}) == "[[[0, 1],\n  [2, 3]],\n\n [[4, 5],\n  [6, 7]]]");
}

TEST_CASE("a long row continues on the next line") {
  CHECK(to_string(arange(0, 6), {.describe = false, .width = 10}) == "[0, 1, 2,\n 3, 4, 5]");
}

TEST_CASE("a format specification prints the values alone") {
  const Tensor x = from({0.5, 2}, {.dtype = float64});
  CHECK(fmt::format("{}", x) == to_string(x));
  CHECK(fmt::format("{:.3f}", x) == "[0.500, 2.000]");
  CHECK(fmt::format("{:.1e}", x) == "[5.0e-01, 2.0e+00]");
  CHECK(fmt::format("{:.2}", scalar(0.126)) == "0.13");
  CHECK(fmt::format("loss {:.3f}", scalar(1)) == "loss 1.000");
  CHECK_THROWS_AS(fmt::format(fmt::runtime("{:>8}"), x), fmt::format_error);
  std::ostringstream out;
  out << x;
  CHECK(out.str() == to_string(x));
}

TEST_CASE("shapes, element types and devices print") { CHECK(fmt::format("{} {} {}", Shape{2, 3}, int64, cpu) == "[2, 3] int64 cpu"); }

TEST_CASE("a gradient by path prints one line a path and the total") {
  const Tensor x = from({1, 2}).requires_grad();
  const GradByPath g = grad_by_path(sum(x.tag("net") * x), x);
  CHECK(fmt::format("{:.1f}", g) == "rest  [1.0, 2.0]\nnet   [1.0, 2.0]\ntotal [2.0, 4.0]");
}

TEST_CASE("tensors and shapes go into a stream") {
  std::ostringstream out;
  out << zeros({2, 3}).shape() << ' ' << from({1, 2}) << ' ' << Shape{};
  CHECK(out.str() == std::string("[2, 3] [1, 2]  float32 [2] ") + name_of(default_device()) + " []");
}
