#include "autograd/graph/listing.h"

#include <fmt/format.h>

#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"

using namespace scoregrad;

TEST_CASE("a listing shows each step with its operands, attributes, shape and line") {
  const int line = __LINE__;
  const Tensor x = from({1, 2, 3}, {.dtype = float64}).named("x").requires_grad();
  const Tensor c = x.tag("net");
  const Tensor y = sum(c * (2 - x)).named("y");
  const auto at = [&](int lines) { return fmt::format("listing.cpp:{}\n", line + lines); };
  CHECK(listing(y) == "1  x = leaf             float64 [3]  " + at(1) +        //
                          "2  tag(1) \"net\"         float64 [3]  " + at(2) +  //
                          "3  sub(_, 1)            float64 [3]  " + at(3) +    //
                          "4  mul(2, 3)            float64 [3]  " + at(3) +    //
                          "5  y = sum(4) axes=[0]  float64 []   " + at(3));
}

TEST_CASE("the gradient's own computation lists like any other and names the forward line") {
  const Tensor x = scalar(2).named("x").requires_grad();
  const int line = __LINE__ + 1;
  const Tensor y = square(x).named("y");
  const Tensor g = grad(y, x, {.create_graph = true}).named("g");
  const std::string at = fmt::format("listing.cpp:{}\n", line);
  CHECK(listing(g, {.known = {y}}) == "3  mul(_, 1)      float32 []  " + at + "4  g = mul(_, 3)  float32 []  " + at);
  CHECK(listing({y, g}).find("2  y = square(1)  float32 []") != std::string::npos);
  CHECK(listing({y, g}).find("4  g = mul(_, 3)  float32 []") != std::string::npos);
}

TEST_CASE("a step used twice is listed once, and a long chain lists without recursion") {
  const Tensor x = scalar(1).requires_grad();
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = y + y;  // 2^20 paths, 20 steps
  const std::string text = listing(y);
  CHECK(std::count(text.begin(), text.end(), '\n') == 21);
  for (int i = 0; i < 100000; ++i) y = -y;
  const std::string longer = listing(y);
  CHECK(std::count(longer.begin(), longer.end(), '\n') == 100021);
}

TEST_CASE("what has no history says so") {
  CHECK(listing(ones({2})) == "nothing was recorded\n");
  CHECK(listing(Tensor()) == "nothing was recorded\n");
}
