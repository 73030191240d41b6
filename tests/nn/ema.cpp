#include "nn/ema.h"

#include <cmath>
#include <stdexcept>

#include "nn/module.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
void set(const Tensor& p, double value) {
  const NoGrad guard;
  fill_(p, value);
}
}  // namespace

TEST_CASE("an average forgets at its decay") {
  const Tensor p = from({1.0}, f64).requires_grad();
  nn::EMA e({p}, {.decay = 0.9, .corrected = false});
  CHECK(e.values()[0].item() == 1);
  set(p, 2);
  e.update();
  e.update();
  CHECK(apart(e.values()[0].item(), 2 - 0.81) < 1e-15);
}

TEST_CASE("a corrected average gives the beginning no weight: equal values average to themselves at once") {
  const Tensor p = from({1000.0}, f64).requires_grad();
  nn::EMA e({p}, {.decay = 0.99});
  set(p, 3);
  e.update();
  CHECK(apart(e.values()[0].item(), 3) < 1e-13);
  set(p, 5);
  e.update();
  // weights 0.01 x 0.99 and 0.01, over their sum
  CHECK(apart(e.values()[0].item(), (0.99 * 3 + 5) / 1.99) < 1e-13);
}

TEST_CASE("an average of a constant is the constant, at any decay, and slow moves are not lost in float32") {
  for (bool corrected : {true, false}) {
    const Tensor p = from({1.01}).requires_grad();
    nn::EMA e({p}, {.decay = 0.9999, .corrected = corrected});
    for (int i = 0; i < 3000; ++i) e.update();
    CHECK(e.values()[0].item() == p.item());
    CHECK(e.values()[0].dtype() == float32);
    set(p, 1.0101);  // a move of 1e-4, of which a step takes 1e-8
    const double far = p.item() - static_cast<double>(1.01f),
                 left = std::pow(0.9999, 1000) * (corrected ? (1 - std::pow(0.9999, 3000)) / (1 - std::pow(0.9999, 4000)) : 1);
    for (int i = 0; i < 1000; ++i) e.update();
    CHECK(std::abs(e.values()[0].item() - (p.item() - far * left)) < 1e-7);
  }
}

TEST_CASE("swapped parameters hold the averages inside the scope and their own values after it, exceptions included") {
  const Tensor p = from({1.0, 2.0}, f64).requires_grad(), q = from({7.0}, f64).requires_grad();
  nn::EMA e({p, q}, {.decay = 0.5, .corrected = false});
  set(p, 3);
  e.update();
  {
    const auto as_average = e.swapped();
    CHECK(apart(p.detach(), from({2, 2.5}, f64)) < 1e-15);
    CHECK(p.tracked());
  }
  CHECK(apart(p.detach(), from({3, 3}, f64)) == 0);
  try {
    const auto as_average = e.swapped();
    throw std::runtime_error("evaluation failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(apart(p.detach(), from({3, 3}, f64)) == 0);
  CHECK(q.detach().item() == 7);
  e.update();  // the average itself did not move meanwhile
  CHECK(apart(e.values()[0], from({2.5, 2.75}, f64)) < 1e-15);
}

TEST_CASE("an average lists its state, and refuses what it cannot average") {
  const Tensor p = from({1.0}, f64).requires_grad();
  std::string names;
  const nn::EMA e({p});
  nn::each_tensor(e, [&](const std::string& name, const Tensor&) { names += name + " "; });
  CHECK(names == "steps averages.0 ");
  CHECK_THROWS_AS(nn::EMA({}), Error);
  CHECK_THROWS_AS(nn::EMA({p}, {.decay = 1}), Error);
  CHECK_THROWS_AS(nn::EMA({p}, {.decay = -0.1}), Error);
  CHECK_THROWS_AS(nn::EMA({p}).values(), Error);
  CHECK_THROWS_AS(nn::EMA({p}).swapped(), Error);
}

TEST_CASE("an average whose decay grows is the mean of all values until the decay is reached, and then forgets at it") {
  const Tensor p = from({1000.0}, f64).requires_grad();
  nn::EMA e({p}, {.decay = 0.75, .growth = 1});
  for (double v : {3.0, 5.0, 7.0, 1.0}) {
    set(p, v);
    e.update();
  }
  CHECK(apart(e.values()[0].item(), 4) < 1e-13);
  set(p, 8);
  e.update();
  CHECK(apart(e.values()[0].item(), 0.75 * 4 + 0.25 * 8) < 1e-13);
  nn::EMA slow({p}, {.decay = 0.999, .growth = 3});
  for (double v : {2.0, 6.0}) {
    set(p, v);
    slow.update();
  }
  CHECK(apart(slow.values()[0].item(), 2 + 0.75 * 4) < 1e-13);  // the second step weighs 3 / (1 + 3)
  CHECK_THROWS_AS(nn::EMA({p}, {.growth = -1}), Error);
}
