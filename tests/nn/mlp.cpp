#include "nn/mlp.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("an MLP is h W' + b with the activation between layers and none after the last") {
  const nn::MLP net({nn::Linear(from({1, -2, 0.5, 3}, {2, 2}, f64), from({0.1, -0.2}, f64)), nn::Linear(from({2, -1}, {1, 2}, f64), {})},
                    nn::tanh);
  const double h0 = std::tanh(1 * 0.3 - 2 * 0.7 + 0.1), h1 = std::tanh(0.5 * 0.3 + 3 * 0.7 - 0.2);
  CHECK(apart(net(from({0.3, 0.7}, {1, 2}, f64)), from({2 * h0 - h1}, {1, 1}, f64)) < 1e-14);
}

TEST_CASE("a module's parameters come in the order of its fields, with dotted names") {
  const nn::MLP net({3, 4, 2}, nn::silu, Key(1));
  const auto named = nn::named_parameters(net);
  REQUIRE(named.size() == 4);
  CHECK(named[0].first == "layers.0.weight");
  CHECK(named[1].first == "layers.0.bias");
  CHECK(named[3].first == "layers.1.bias");
  CHECK(named[0].second.shape() == Shape{4, 3});
  CHECK(nn::parameters(net).size() == 4);
  CHECK(nn::parameters(nn::Linear(from({1}, {1, 1}), {})).empty());  // nothing here requires a gradient
}

TEST_CASE("every parameter of an MLP receives the gradient that central differences give") {
  const nn::MLP net({2, 5, 1}, nn::softplus, Key(7), f64);
  const Tensor x = normal({6, 2}, Key(8), f64);
  const auto loss = [&] { return mean(square(net(x))); };
  const Tensors p = nn::parameters(net), g = grad(loss(), p);
  const NoGrad guard;
  for (size_t i = 0; i < p.size(); ++i) {
    const Tensor before = clone(p[i]), direction = normal(p[i].shape(), Key(9), f64);
    const double h = 1e-5;
    copy_(p[i], before + h * direction);
    const double up = loss().item();
    copy_(p[i], before - h * direction);
    const double down = loss().item();
    copy_(p[i], before);
    CHECK(apart((up - down) / (2 * h), sum(g[i] * direction).item()) < 1e-8);
  }
}

TEST_CASE("a fresh layer is uniform within one over the root of its inputs, and depends on its key alone") {
  const nn::Linear a(100, 50, Key(3)), b(100, 50, Key(3)), c(100, 50, Key(4));
  const std::vector<double> w = a.weight.to_vector<double>();
  double largest = 0;
  for (double v : w) largest = std::max(largest, std::abs(v));
  CHECK(largest <= 0.1);
  CHECK(largest > 0.099);
  CHECK(w == b.weight.to_vector<double>());
  CHECK(w != c.weight.to_vector<double>());
}

TEST_CASE("widths that make no network are refused") {
  CHECK_THROWS_AS(nn::MLP({3}, nn::silu, Key(1)), Error);
  CHECK_THROWS_AS(nn::MLP({3, 0}, nn::silu, Key(1)), Error);
}
