#include "nn/optimiser.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "nn/module.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

const Options f64{.dtype = float64};
const std::vector<std::vector<double>> gradients = {{0.3, -1.2}, {0.5, 0.1}, {-2.0, 0.4}};
Tensor leaf(const std::vector<double>& values = {1.0, -2.0}) { return from(values, f64).requires_grad(); }

// Runs an optimiser over the gradients, and next(p, g, step, i) over the same numbers one at a time.
template <class Optimiser, class Next>
double apart_from_formula(Optimiser&& optimiser, const Tensor& p, Next&& next) {
  std::vector<double> want = {1.0, -2.0};
  for (size_t step = 0; step < gradients.size(); ++step) {
    optimiser.step({from(gradients[step], f64)});
    for (size_t i = 0; i < 2; ++i) want[i] = next(want[i], gradients[step][i], static_cast<int>(step) + 1, i);
  }
  return apart(p.detach(), from(want, f64));
}

}  // namespace

TEST_CASE("Adam takes the steps of its formula, and joins the decay to the gradient") {
  const Tensor p = leaf();
  nn::Adam adam({p}, {.rate = 0.1, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.5});
  std::vector<double> m(2), v(2);
  CHECK(apart_from_formula(adam, p, [&](double x, double g, int step, size_t i) {
          g += 0.5 * x;
          m[i] = 0.8 * m[i] + 0.2 * g;
          v[i] = 0.9 * v[i] + 0.1 * g * g;
          return x - 0.1 * (m[i] / (1 - std::pow(0.8, step))) / (std::sqrt(v[i] / (1 - std::pow(0.9, step))) + 1e-3);
        }) < 1e-14);
  CHECK(adam.steps.item() == 3);
}

TEST_CASE("AdamW shrinks the parameters beside the step, by 1 % of the rate unless told otherwise") {
  for (double decay : {0.01, 0.5}) {
    const Tensor p = leaf();
    nn::AdamWOptions options{.rate = 0.1, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3};
    if (decay == 0.5) options.weight_decay = decay;
    nn::AdamW adam({p}, options);
    std::vector<double> m(2), v(2);
    CHECK(apart_from_formula(adam, p, [&](double x, double g, int step, size_t i) {
            m[i] = 0.8 * m[i] + 0.2 * g;
            v[i] = 0.9 * v[i] + 0.1 * g * g;
            x -= 0.1 * decay * x;
            return x - 0.1 * (m[i] / (1 - std::pow(0.8, step))) / (std::sqrt(v[i] / (1 - std::pow(0.9, step))) + 1e-3);
          }) < 1e-14);
  }
}

TEST_CASE("Adam's first step is the rate along the sign of the gradient, whatever its size") {
  const Tensor p = leaf({1.0, -2.0, 3.0});
  nn::Adam({p}, {.rate = 0.25}).step({from({1e-3, -50.0, 1e6}, f64)});
  CHECK(apart(p.detach(), from({0.75, -1.75, 2.75}, f64)) < 1e-5);
}

TEST_CASE("gradient descent takes the steps of its formula, with and without momentum, Nesterov's and decay") {
  for (double momentum : {0.0, 0.9})
    for (bool nesterov : {false, true})
      for (double decay : {0.0, 0.3}) {
        if (nesterov && momentum == 0) continue;
        const Tensor p = leaf();
        std::vector<double> m(2);
        CHECK(apart_from_formula(nn::SGD({p}, {.rate = 0.05, .momentum = momentum, .nesterov = nesterov, .weight_decay = decay}), p,
                                 [&](double x, double g, int, size_t i) {
                                   g += decay * x;
                                   m[i] = momentum * m[i] + g;
                                   return x - 0.05 * (nesterov ? g + momentum * m[i] : m[i]);
                                 }) < 1e-15);
      }
}

TEST_CASE("RMSprop takes the steps of its formula, with and without momentum, centring and decay") {
  for (double momentum : {0.0, 0.7})
    for (bool centred : {false, true}) {
      const Tensor p = leaf();
      std::vector<double> v(2), mean(2), m(2);
      const nn::RMSpropOptions options{
          .rate = 0.05, .alpha = 0.9, .epsilon = 1e-3, .momentum = momentum, .centred = centred, .weight_decay = 0.2};
      CHECK(apart_from_formula(nn::RMSprop({p}, options), p, [&](double x, double g, int, size_t i) {
              g += 0.2 * x;
              v[i] = 0.9 * v[i] + 0.1 * g * g;
              mean[i] = 0.9 * mean[i] + 0.1 * g;
              m[i] = momentum * m[i] + g / (std::sqrt(v[i] - (centred ? mean[i] * mean[i] : 0)) + 1e-3);
              return x - 0.05 * m[i];
            }) < 1e-14);
    }
}

TEST_CASE("the rate is a tensor that may be changed between steps") {
  const Tensor p = leaf({1.0});
  nn::Adam adam({p}, {.rate = 0.1});
  fill_(adam.rate, 0);
  adam.step({from({5.0}, f64)});
  CHECK(p.detach().item() == 1);
}

TEST_CASE("a rate may follow a schedule of the optimiser's own steps") {
  const Tensor p = leaf({0.0});
  nn::SGD sgd({p}, {.rate = nn::schedule::step(1, 2, 0.5)});
  std::vector<double> at;
  for (int i = 0; i < 5; ++i) {
    sgd.step({from({-1.0}, f64)});
    at.push_back(p.detach().item());
  }
  CHECK(at == std::vector<double>{1, 2, 2.5, 3, 3.25});
  CHECK(sgd.rate.item() == 0.25);
}

TEST_CASE("float32 parameters are moved in float32") {
  const Tensor p = from({1.0, -2.0}).requires_grad();
  nn::Adam({p}, {.rate = 0.1}).step({from({0.5, -0.5})});
  CHECK(p.dtype() == float32);
  CHECK(apart(p.detach(), from({0.9, -1.9})) < 1e-6);
}

TEST_CASE("an optimiser lists its state as a module does") {
  const auto names = [](const auto& optimiser) {
    std::string all;
    nn::each_tensor(optimiser, [&](const std::string& name, const Tensor&) { all += name + " "; });
    return all;
  };
  CHECK(names(nn::SGD({leaf()})) == "rate steps ");
  CHECK(names(nn::SGD({leaf(), leaf()}, {.momentum = 0.9})) == "rate steps momenta.0 momenta.1 ");
  CHECK(names(nn::Adam({leaf()})) == "rate steps first.0 roots.0 ");
  CHECK(names(nn::AdamW({leaf()})) == "rate steps first.0 roots.0 ");
  CHECK(names(nn::RMSprop({leaf()}, {.momentum = 0.1, .centred = true})) == "rate steps roots.0 means.0 momenta.0 ");
  CHECK(nn::parameters(nn::Adam({leaf()})).empty());  // its state is not for training
}

TEST_CASE("clipping scales the joint norm down to its bound and leaves small and zero gradients alone") {
  const Tensors big = nn::clipped({from({3.0}, f64), from({0.0, 4.0}, f64)}, 1);
  CHECK(apart(big[0], from({0.6}, f64)) < 1e-15);
  CHECK(apart(big[1], from({0.0, 0.8}, f64)) < 1e-15);
  CHECK(nn::clipped({from({0.3}, f64)}, 1)[0].item() == 0.3);
  CHECK(nn::clipped({from({0.0}, f64)}, 1)[0].item() == 0);
  CHECK_THROWS_AS(nn::clipped({from({1.0}, f64)}, 0), Error);
}

TEST_CASE("clipping, Adam and RMSprop are at home in the whole range of float32") {
  const auto near = [](double got, double want) { return std::abs(got - want) <= 1e-6 * std::abs(want); };
  for (double scale : {1e25, 1e-25, 6e37}) {
    const std::vector<double> v = nn::clipped({from({3 * scale, 4 * scale})}, scale < 1 ? 1e-26 : 1)[0].to_vector<double>();
    CHECK(near(v[0], scale < 1 ? 0.6e-26 : 0.6));
    CHECK(near(v[1], scale < 1 ? 0.8e-26 : 0.8));
  }
  const std::vector<double> apart_in_size = nn::clipped({from({3e25}), from({4e25, 1e-30})}, 1)[1].to_vector<double>();
  CHECK(near(apart_in_size[0], 0.8));
  // Two gradients, in float32 and, a thousandth of their size, in float64, where nothing overflows; epsilon does not matter beside them.
  for (double scale : {1e30, 1e-27}) {
    const auto run = [&](auto make, DType t) {
      const Tensor p = from({0.0, 0.0}, {t}).requires_grad();
      auto optimiser = make(p, scale);
      optimiser.step({from({scale, -scale}, {t})});
      optimiser.step({from({1e-3 * scale, 2 * scale}, {t})});
      return p.detach().to_vector<double>();
    };
    const auto adam = [](const Tensor& p, double s) { return nn::Adam({p}, {.rate = 0.1, .epsilon = 1e-5 * s}); };
    const auto rms = [](const Tensor& p, double s) { return nn::RMSprop({p}, {.rate = 0.1, .epsilon = 1e-5 * s}); };
    const auto centred = [](const Tensor& p, double s) { return nn::RMSprop({p}, {.rate = 0.1, .epsilon = 1e-5 * s, .centred = true}); };
    const auto same = [&](auto make) {
      const std::vector<double> single = run(make, float32), full = run(make, float64);
      for (size_t i = 0; i < 2; ++i) CHECK(std::abs(single[i] - full[i]) < 2e-5);
      CHECK(std::abs(full[0]) > 0.1);
    };
    same(adam);
    same(rms);
    same(centred);
  }
}

TEST_CASE("what cannot be trained is refused by name, and gradients that do not fit write nothing") {
  CHECK(contains(message_of([] { nn::Adam({leaf(), from({1.0, 2.0}, f64)}); }), "Adam: parameter 1 of shape [2] requires no gradient"));
  CHECK(contains(message_of([] { nn::AdamW({2 * leaf()}); }), "AdamW: parameter 0 of shape [2] was computed by mul"));
  CHECK(contains(message_of([] { nn::SGD({Tensor()}); }), "SGD: parameter 0 is undefined"));
  CHECK(contains(message_of([] { nn::RMSprop({}); }), "RMSprop: no parameters"));
  CHECK(contains(message_of([] { nn::SGD({leaf()}, {.nesterov = true}); }), "nesterov without momentum"));
  const Tensor p = leaf(), q = leaf({1.0});
  nn::Adam adam({p, q});
  const Tensor g = from({1, 1}, f64);
  CHECK(contains(message_of([&] { adam.step({g}); }), "1 gradients for 2 parameters"));
  CHECK(contains(message_of([&] { adam.step({g, g}); }), "Adam: [1] wanted for gradient 1, [2] came"));
  CHECK(contains(message_of([&] { adam.step({g, from({1})}); }), "Adam: float64 [1] wanted for gradient 1, float32 [1] came"));
  CHECK(contains(message_of([&] { adam.step({g, Tensor()}); }), "gradient 1 is undefined"));
  CHECK(apart(p.detach(), from({1, -2}, f64)) == 0);
  CHECK(adam.steps.item() == 0);
}
