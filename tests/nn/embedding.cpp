#include "nn/embedding.h"

#include "tests/close.h"
#include "tests/nn/checked.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("an embedding is a row of its table, and the gradient of a row counts its uses") {
  const nn::Embedding table(5, 3, Key(1), f64);
  const Tensor index = indices({4, 0, 4, 4}, {2, 2}), y = table(index);
  CHECK(y.shape() == Shape{2, 2, 3});
  CHECK(apart(select(select(y, 0, 1), 0, 0), select(table.weight, 0, 4)) == 0);
  const Tensor g = grad(sum(y), table.weight);
  CHECK(apart(select(g, 1, 0), from({1, 0, 0, 0, 3}, f64)) == 0);
  CHECK(nn::named_parameters(table)[0].first == "weight");
  check_module(table, [&](const nn::Embedding& m, const Tensors&) { return tanh(m(index)); }, {});
}

TEST_CASE("Fourier features are sines and cosines of fixed frequencies, which are saved but not trained") {
  const nn::FourierFeatures f(from({0.5, -1, 2, 0.25}, {2, 2}, f64));
  const Tensor y = f(from({0.3, 0.7}, {1, 2}, f64));
  const double two_pi = 6.283185307179586, a = two_pi * (0.15 - 0.7), b = two_pi * (0.6 + 0.175);
  CHECK(apart(y, from({std::sin(a), std::sin(b), std::cos(a), std::cos(b)}, {1, 4}, f64)) < 1e-14);
  const nn::FourierFeatures drawn(3, 1000, 2.5, Key(7), f64);
  CHECK(nn::parameters(drawn).empty());
  int fields = 0;
  nn::each_tensor(drawn, [&](const std::string& name, const Tensor& t) {
    CHECK(name == "frequencies");
    CHECK(std::abs(mean(square(t)).item() / 6.25 - 1) < 4 * std::sqrt(2 / 1500.0));
    ++fields;
  });
  CHECK(fields == 1);
  CHECK(apart(drawn.frequencies, nn::FourierFeatures(3, 1000, 2.5, Key(7), f64).frequencies) == 0);
  check_gradients([&](const Tensors& v) { return f(v[0]); }, {draw({3, 2})});
  CHECK_THROWS_AS(nn::FourierFeatures(1, 3, 1, Key(1)), Error);
}

TEST_CASE("sinusoidal features fall from one to the longest wave by equal factors") {
  const Tensor y = nn::sinusoidal_features(from({3, 100}, f64), 6, 1000);
  CHECK(y.shape() == Shape{2, 6});
  std::vector<double> want;
  for (double t : {3.0, 100.0}) {
    for (double w : {1.0, 0.1, 0.01}) want.push_back(std::sin(t * w));
    for (double w : {1.0, 0.1, 0.01}) want.push_back(std::cos(t * w));
  }
  check_close(y, want, 1e-13);
  CHECK(nn::sinusoidal_features(scalar(2), 4).shape() == Shape{4});
  check_gradients([](const Tensors& v) { return nn::sinusoidal_features(v[0], 4, 50); }, {draw({3})});
  CHECK_THROWS_AS(nn::sinusoidal_features(scalar(1), 5), Error);
}
