// FiLM, dropout, and the MLP that has all of it.
#include "nn/conditioning.h"

#include "nn/mlp.h"
#include "tests/close.h"
#include "tests/nn/checked.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
}

TEST_CASE("FiLM scales and shifts by a linear map of the condition, and starts as the identity") {
  const nn::FiLM film(nn::Linear(from({1, 0, 0, 2, 0.5, 0, 0, -1}, {4, 2}, f64), from({0, 0.1, 0, 0.2}, f64)));
  const Tensor y = film(from({2, 3}, {1, 2}, f64), from({0.3, -0.4}, {1, 2}, f64));
  CHECK(apart(y, from({2 * 1.3 + 0.15, 3 * (1 - 0.8 + 0.1) + 0.4 + 0.2}, {1, 2}, f64)) < 1e-14);
  const Tensor x = draw({2, 5, 3}), c = draw({2, 4});
  CHECK(apart(nn::FiLM(4, 3, f64)(x, c), x) == 0);
  check_module(nn::FiLM(4, 3, f64), [](const nn::FiLM& m, const Tensors& v) { return tanh(m(v[0], v[1])); }, {x, c});
  CHECK(contains(message_of([&] { nn::FiLM(4, 3, f64)(x, {}); }), "no condition"));
  CHECK_THROWS_AS(nn::FiLM(4, 2, f64)(x, c), Error);
}

TEST_CASE("dropout keeps the mean, drops its share, and depends on the key alone") {
  const nn::Dropout drop(0.3);
  const Tensor x = ones({100, 100}, f64), y = drop(x, Key(1));
  CHECK(std::abs(mean(y).item() - 1) < 4 * std::sqrt(0.3 / 0.7 / 1e4));
  CHECK(all((y == 0) || (abs(y - 1 / 0.7) < 1e-15)).item() == 1);
  CHECK(apart(y, drop(x, Key(1))) == 0);
  CHECK(apart(y, drop(x, Key(2))) > 0);
  CHECK(apart(drop(x, {}), x) == 0);
  check_gradients([&](const Tensors& v) { return drop(v[0] * v[0], Key(1)); }, {draw({4, 3})});
  CHECK_THROWS_AS(nn::Dropout(1), Error);
}

TEST_CASE("an MLP with norms, residuals, a condition and dropout is what its formula says") {
  const nn::MLP net({2, 4, 4, 3}, {.activation = nn::tanh, .norm = true, .residual = true, .condition = 2, .dropout = 0.5}, Key(1), f64);
  REQUIRE(net.films.size() == 2);
  for (size_t i = 0; i < 2; ++i) copy_(net.films[i].projection.weight.detach(), draw({8, 2}, -1, 1, static_cast<int>(i)));
  const Tensor x = draw({5, 2}), c = draw({5, 2}, -1, 1, 7);
  const Key key(3);
  const Tensor h = net.dropout(tanh(net.films[0](net.norms[0](net.layers[0](x)), c)), key.fold(0));
  const Tensor g = h + net.dropout(tanh(net.films[1](net.norms[1](net.layers[1](h)), c)), key.fold(1));
  CHECK(apart(net(x, {.condition = c, .dropout = key}), net.layers[2](g)) < 1e-14);
  CHECK(apart(net(x, {.condition = c}), net(x, {.condition = c, .dropout = key})) > 0.01);
  CHECK(nn::named_parameters(net).size() == 6 + 4 + 4);
  CHECK(contains(message_of([&] { net(x); }), "no condition"));
}

TEST_CASE("gradients of an MLP with everything are right to second order") {
  const nn::MLPOptions all{.activation = nn::silu, .norm = true, .residual = true, .condition = 2, .dropout = 0.3};
  check_module(nn::MLP({2, 3, 3, 1}, all, Key(1), f64),
               [](const nn::MLP& m, const Tensors& v) { return m(v[0], {.condition = v[1], .dropout = Key(5)}); },
               {draw({4, 2}), draw({4, 2}, -1, 1, 2)});
  check_module(nn::MLP({2, 3, 3, 1}, all, Key(1)), [](const nn::MLP& m, const Tensors& v) { return m(v[0], {.condition = v[1]}); },
               {draw({4, 2}, -2, 2, 0, float32), draw({4, 2}, -1, 1, 2, float32)}, {.order = 1, .directions = 1});
}
