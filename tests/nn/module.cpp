// What can be done to all modules: copies, devices, element types, composition, beginnings.
#include "nn/module.h"

#include "nn/attention.h"
#include "nn/initialisation.h"
#include "nn/score.h"
#include "nn/sequential.h"
#include "tests/close.h"
#include "tests/nn/checked.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};

struct Mixed {  // a parameter, a constant, indices and a module
  Tensor gain, fixed, places;
  nn::Linear layer;
  static void fields(auto& m, auto visit) {
    visit("gain", m.gain);
    visit("fixed", m.fixed);
    visit("places", m.places);
    visit("layer", m.layer);
  }
};
Mixed mixed() { return {from({2}, f64).requires_grad(), from({3}, f64), indices({1, 2}), nn::Linear(2, 1, Key(1), f64)}; }
}  // namespace

TEST_CASE("a clone has the same values and names, bytes of its own, and the same parameters require a gradient") {
  const Mixed a = mixed(), b = nn::clone(a);
  const auto pa = nn::named_parameters(a), pb = nn::named_parameters(b);
  REQUIRE(pb.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(pa[i].first == pb[i].first);
    CHECK(apart(pa[i].second, pb[i].second) == 0);
  }
  fill_(b.gain.detach(), 7);
  CHECK(a.gain.item() == 2);
  CHECK_FALSE(b.fixed.tracked());
  CHECK(b.places.dtype() == int64);
}

TEST_CASE("to another element type casts what is floating and leaves leaves that do not know the old ones") {
  const Mixed a = mixed(), b = nn::to(a, float32);
  CHECK(b.gain.dtype() == float32);
  CHECK(b.fixed.dtype() == float32);
  CHECK(b.places.dtype() == int64);
  CHECK(b.gain.is_leaf());
  CHECK(nn::parameters(b).size() == 3);
  CHECK(a.gain.dtype() == float64);
  const Tensor loss = sum(square(b.layer(ones({1, 2}))));
  CHECK(grad(loss, b.layer.weight).dtype() == float32);
  CHECK_THROWS_AS(grad(loss, a.layer.weight), Error);
  CHECK(nn::to(a, a.gain.device()).gain.bytes() == a.gain.bytes());
}

TEST_CASE("a detached module computes the same, follows the original's bytes, and no gradient reaches it") {
  const nn::MLP net({2, 3, 1}, nn::tanh, Key(2), f64), frozen = nn::detached(net);
  const Tensor x = draw({4, 2});
  CHECK(apart(net(x), frozen(x)) == 0);
  CHECK_FALSE(frozen(x).tracked());
  CHECK(nn::parameters(frozen).empty());
  const nn::MLP snapshot = nn::clone(frozen);
  fill_(net.layers[1].bias.detach(), 5);
  CHECK(apart(net(x), frozen(x)) == 0);
  CHECK(apart(net(x), snapshot(x)) > 0.1);
}

TEST_CASE("a sequence applies its parts in order and names them by their place") {
  const nn::Sequential net{nn::Linear(2, 3, Key(1), f64), nn::relu, nn::Linear(3, 1, Key(2), f64), [](const Tensor& x) { return 2 * x; }};
  const Tensor x = draw({5, 2});
  const auto& [first, activation, second, last] = net.parts;
  CHECK(apart(net(x), 2 * second(relu(first(x)))) == 0);
  const auto named = nn::named_parameters(net);
  REQUIRE(named.size() == 4);
  CHECK(named[0].first == "0.weight");
  CHECK(named[3].first == "2.bias");
  CHECK(nn::clone(net)(x).to_vector<double>() == net(x).to_vector<double>());
}

TEST_CASE("initialisations have the variances and limits that their papers give") {
  const Shape shape{200, 50, 4};  // fans 200 and 800
  const auto moments = [&](nn::Initialisation how) {
    const Tensor w = how(shape, Key(5), f64, Where::here());
    return std::pair(mean(square(w)).item(), max(abs(w)).item());
  };
  // 40 000 numbers: the standard error of a variance is sqrt(2 / 40 000) = 0.7 % for normals and sqrt(0.8 / 40 000) = 0.45 % for uniforms.
  const auto check = [&](nn::Initialisation how, double variance, bool bounded) {
    const auto [second, largest] = moments(how);
    CHECK(std::abs(second / variance - 1) < 0.03);
    CHECK((largest <= std::sqrt(3 * variance)) == bounded);
  };
  check(nn::glorot_uniform, 2.0 / 1000, true);
  check(nn::glorot_normal, 2.0 / 1000, false);
  check(nn::he_uniform, 2.0 / 200, true);
  check(nn::he_normal, 2.0 / 200, false);
  check(nn::lecun_uniform, 1.0 / 200, true);
  check(nn::lecun_normal, 1.0 / 200, false);
  CHECK_THROWS_AS(nn::he_normal({3}, Key(1)), Error);
}

TEST_CASE("a module is a function of its key alone") {
  const auto same = [](const auto& make) {
    const auto a = nn::parameters(make(Key(7))), b = nn::parameters(make(Key(7))), c = nn::parameters(make(Key(8)));
    REQUIRE(a.size() == b.size());
    double changed = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      CHECK(apart(a[i], b[i]) == 0);
      changed = std::max(changed, apart(a[i], c[i]));
    }
    CHECK(changed > 0.01);
  };
  same([](const Key& k) { return nn::Embedding(4, 3, k); });
  same([](const Key& k) { return nn::TransformerBlock(4, {.heads = 2, .condition = 2}, k); });
  same([](const Key& k) { return nn::ScoreMLP({.inputs = 2, .film = true}, nn::Predicts::v, k); });
  same([](const Key& k) { return nn::EnergyMLP({.inputs = 2}, k); });
}

TEST_CASE("orthogonal weights have orthonormal rows or columns, whichever are fewer") {
  for (const Shape& s : {Shape{5, 5}, Shape{4, 9}, Shape{9, 4}, Shape{6, 2, 3}}) {
    const Tensor w = reshape(nn::orthogonal(s, Key(3), f64), {s[0], -1}), few = w.extent(0) <= w.extent(1) ? w : transpose(w);
    CHECK(apart(matmul(few, transpose(few)), eye(few.extent(0), f64)) < 1e-14);
  }
  CHECK(apart(nn::orthogonal({4, 4}, Key(3), f64), nn::orthogonal({4, 4}, Key(4), f64)) > 0.1);
}

TEST_CASE("initialise_ writes weights and zeros biases in place, and leaves norms as they are") {
  const nn::MLP net({3, 4, 2}, {.norm = true}, Key(1), f64);
  const Tensor weight = net.layers[0].weight;
  nn::initialise_(net, nn::orthogonal, Key(9));
  CHECK(apart(weight, nn::orthogonal({4, 3}, Key(9).fold("layers.0.weight"), f64)) == 0);
  CHECK(apart(net.layers[1].bias, zeros({2}, f64)) == 0);
  CHECK(apart(net.norms[0].weight, ones({4}, f64)) == 0);
  CHECK(weight.is_leaf());
}
