// Law: a compiled step that holds a network takes the steps that the eager one takes, bit for bit; samplers take networks as they are.
#include "autograd/compile/compile.h"
#include "autograd/graph/gradient.h"
#include "nn/attention.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "samplers/langevin.h"
#include "samplers/schedule.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::samplers;

namespace {

// Six steps of training on data, noise levels and a key that change from step to step: losses, then parameters.
template <nn::Module M, class F>
Tensors trained(const M& fresh, const F& loss_of, bool compiled) {
  const M net = nn::clone(fresh);
  const Tensors parameters = nn::parameters(net);
  nn::Adam adam(parameters, {.rate = 0.01});
  auto step = compile(
      [&](const Tensor& x, const Tensor& sigma, const Tensor& words) {
        const Tensor loss = loss_of(net, x, sigma, Key(words));
        adam.step(grad(loss, parameters));
        return loss.detach();
      },
      {.enabled = compiled});
  Tensors out;
  for (int64_t i = 0; i < 6; ++i) {
    const Key key = Key(1).fold(i);
    out.push_back(step(normal({4, 2}, key), uniform({4}, key.fold(1)) + 0.1, key.fold(2).tensor()));
  }
  for (const Tensor& p : parameters) out.push_back(p.detach());
  return out;
}

template <nn::Module M, class F>
void check_same(const M& net, const F& loss_of) {
  const Tensors eager = trained(net, loss_of, false), replayed = trained(net, loss_of, true);
  REQUIRE(eager.size() == replayed.size());
  for (size_t i = 0; i < eager.size(); ++i) {
    CAPTURE(i);
    CHECK(apart(replayed[i], eager[i]) < 1e-6);
  }
  CHECK(apart(eager[0], eager[5]) > 0);
}

Tensor dsm(const auto& net, const Tensor& x, const Tensor& sigma, const Key& key) {
  const Tensor level = unsqueeze(sigma, 1), eps = normal(x.shape(), key, like(x));
  return mean(square(level * net(x + level * eps, sigma) + eps));
}

}  // namespace

TEST_CASE("score networks of every kind train compiled as they train eagerly") {
  const auto loss = [](const auto& net, const Tensor& x, const Tensor& sigma, const Key& key) { return dsm(net, x, sigma, key); };
  const nn::NoisyMLPOptions how{.inputs = 2, .hidden = {6, 6}, .features = 4, .film = true, .norm = true, .residual = true};
  check_same(nn::ScoreMLP(how, nn::Predicts::v, Key(1)), loss);
  check_same(nn::Preconditioned<nn::NoisyMLP>{nn::NoisyMLP(how, Key(2)), 0.5}, loss);
  check_same(nn::EnergyMLP({.inputs = 2, .hidden = {6}}, Key(3)), loss);
}

TEST_CASE("a causal transformer with dropout trains compiled as it trains eagerly: what is dropped follows the key") {
  check_same(nn::TransformerBlock(4, {.heads = 2, .causal = true, .dropout = 0.3}, Key(1)),
             [](const nn::TransformerBlock& net, const Tensor& x, const Tensor& sigma, const Key& key) {
               const Tensor tokens = unsqueeze(x, -1) * reshape(sigma, {4, 1, 1}) * ones({1, 1, 4});
               return mean(square(net(tokens, {.dropout = key}) - 1));
             });
}

TEST_CASE("samplers take score networks and energies as they are, and record nothing") {
  const Options f64{.dtype = float64};
  const Tensor x = normal({8, 2}, Key(1), f64);
  const nn::ScoreMLP score({.inputs = 2, .hidden = {4}}, nn::Predicts::eps, Key(1), f64);
  const nn::EnergyMLP energy({.inputs = 2, .hidden = {4}}, Key(2), f64);
  for (const NoisyScore& net : {NoisyScore(score), NoisyScore(energy)}) {
    const Samples end = annealed_langevin(net, x, {.sigmas = geometric_ladder(1, 0.1, 3), .step = 1e-3, .count = 2}, Key(3));
    CHECK(end.x.shape() == x.shape());
    CHECK_FALSE(end.x.tracked());
    CHECK(all(abs(end.x) < 100).item() == 1);
  }
}
