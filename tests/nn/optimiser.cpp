#include "nn/optimiser.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
const std::vector<std::vector<double>> gradients = {{0.3, -1.2}, {0.5, 0.1}, {-2.0, 0.4}};
}  // namespace

TEST_CASE("Adam takes the steps of its formula, weight decay decoupled") {
  const Tensor p = from({1.0, -2.0}, f64);
  nn::Adam adam({p}, {.rate = 0.1, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.5});
  std::vector<double> want = {1.0, -2.0}, m(2), v(2);
  for (int step = 1; step <= 3; ++step) {
    const std::vector<double>& g = gradients[static_cast<size_t>(step) - 1];
    adam.step({from(g, f64)});
    for (size_t i = 0; i < 2; ++i) {
      m[i] = 0.8 * m[i] + 0.2 * g[i];
      v[i] = 0.9 * v[i] + 0.1 * g[i] * g[i];
      want[i] -= 0.1 * 0.5 * want[i];
      want[i] -= 0.1 * (m[i] / (1 - std::pow(0.8, step))) / (std::sqrt(v[i] / (1 - std::pow(0.9, step))) + 1e-3);
    }
  }
  CHECK(apart(p, from(want, f64)) < 1e-14);
  CHECK(adam.steps.item() == 3);
}

TEST_CASE("the rate is a tensor that may be changed between steps") {
  const Tensor p = from({1.0}, f64);
  nn::Adam adam({p}, {.rate = 0.1});
  fill_(adam.rate, 0);
  adam.step({from({5.0}, f64)});
  CHECK(p.item() == 1);
}

TEST_CASE("gradient descent takes the steps of its formula, with and without momentum") {
  for (double momentum : {0.0, 0.9}) {
    const Tensor p = from({1.0, -2.0}, f64).requires_grad();
    nn::Sgd sgd({p}, {.rate = 0.05, .momentum = momentum});
    std::vector<double> want = {1.0, -2.0}, m(2);
    for (const std::vector<double>& g : gradients) {
      sgd.step({from(g, f64)});
      for (size_t i = 0; i < 2; ++i) want[i] -= 0.05 * (m[i] = momentum * m[i] + g[i]);
    }
    CHECK(apart(p.detach(), from(want, f64)) < 1e-15);
  }
}

TEST_CASE("clipping scales the joint norm down to its bound and leaves small and zero gradients alone") {
  const Tensors big = nn::clipped({from({3.0}, f64), from({0.0, 4.0}, f64)}, 1);
  CHECK(apart(big[0], from({0.6}, f64)) < 1e-15);
  CHECK(apart(big[1], from({0.0, 0.8}, f64)) < 1e-15);
  CHECK(nn::clipped({from({0.3}, f64)}, 1)[0].item() == 0.3);
  CHECK(nn::clipped({from({0.0}, f64)}, 1)[0].item() == 0);
}

TEST_CASE("a running average forgets at its decay") {
  nn::Average e({from({1.0}, f64)}, 0.9);
  e.update({from({2.0}, f64)});
  e.update({from({2.0}, f64)});
  CHECK(apart(e.values[0].item(), 2 - 0.81) < 1e-15);
}

TEST_CASE("a step with the wrong number of gradients is refused") {
  nn::Adam adam({from({1.0}, f64)});
  CHECK_THROWS_AS(adam.step({}), Error);
}
