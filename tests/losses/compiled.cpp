// Law: Monte-Carlo estimates compile their blocks without being asked: the same values, gradients and paths, and eager blocks where a score
// cannot be recorded.
#include "autograd/compile/compile.h"
#include "autograd/compile/loop.h"

#include "losses/c2_estimators.h"
#include "losses/decomposition.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/watched.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::losses;

namespace {

const Options f64{.dtype = float64};
const nn::MLP net({3, 6, 2}, nn::tanh, Key(17), f64), alone({2, 6, 2}, nn::tanh, Key(18), f64);
const Tensor data = from({0.2, -2.8, -0.7, 0.4, 1.5, 0.9}, {3, 2}, f64);

double furthest(const Term& a, const Term& b) {
  double worst = std::max(apart(a.value.mean, b.value.mean), apart(a.value.error, b.value.error));
  CHECK(a.gradient.size() == b.gradient.size());
  for (const auto& [name, g] : a.gradient) {
    const PathGradient& h = b.gradient.at(name);
    CHECK(g.by_path.size() == h.by_path.size());
    for (size_t i = 0; i < g.total.mean.size(); ++i) {
      worst = std::max({worst, apart(g.total.mean[i], h.total.mean[i]), apart(g.total.error[i], h.total.error[i])});
      for (const auto& [path, part] : g.by_path) worst = std::max(worst, apart(part.mean[i], h.by_path.at(path).mean[i]));
    }
  }
  return worst;
}
double furthest(const Decomposition& a, const Decomposition& b) {
  double worst = 0;
  for (Term Decomposition::*t : {&Decomposition::dsm, &Decomposition::esm, &Decomposition::ism, &Decomposition::c2, &Decomposition::c3,
                                 &Decomposition::residual, &Decomposition::by_parts, &Decomposition::sds, &Decomposition::vsd})
    worst = std::max(worst, furthest(a.*t, b.*t));
  return worst;
}

template <class Score, class Setup>
void check_same(const Score& score, const Setup& setup, DecomposeOptions o) {
  const auto [got, replayed, refusal] = watched([&] { return decompose(score, setup, o, Key(5)); });
  CHECK(replayed == got.blocks);
  CHECK(refusal.empty());
  o.compile = false;
  const auto plain = watched([&] { return decompose(score, setup, o, Key(5)); });
  CHECK((plain.replayed == 0 && plain.found.blocks == got.blocks));
  CHECK(furthest(got, plain.found) < 1e-12);
}

}  // namespace

TEST_CASE("decompose replays its blocks under every set-up, sampled or summed, with every path's gradient") {
  const ConditionalScore score = [](const Tensor& xt, const Tensor& c) { return net(concat({xt, c}, 1)); };
  const Tensor c = from({0.4}, f64).requires_grad();
  const Gaussian law = Gaussian::with_covariance(concat({c, 0.3 * c}, 0), eye(2, f64) * (1 + square(c)));
  const DecomposeOptions sampled{.sigma = 0.6, .samples = 1280, .wrt = {{"c", c}, {"theta", net}}, .block = 16};
  check_same(score, Generated{unsqueeze(c, 0), law}, sampled);
  check_same(score, FreeCondition{unsqueeze(c, 0), law}, sampled);
  DecomposeOptions sliced = sampled;
  sliced.trace = Trace::sliced;
  check_same(score, Generated{unsqueeze(c, 0), law}, sliced);

  const nn::MLP encode({2, 4, 1}, nn::tanh, Key(3), f64);
  const NoisyEncoder encoder{.data = {.points = data}, .encode = encode, .tau = 0.3};
  DecomposeOptions o{.sigma = 0.6, .samples = 1280, .wrt = {{"phi", encode}, {"theta", net}}, .block = 16};
  check_same(score, encoder, o);
  o.samples = 0;
  o.rule = quadrature::trapezoid(6, 0.75);
  o.tolerance = 1;  // the rule as it is
  o.block = 120;
  const auto sum = [&] { return decompose(score, encoder, o); };
  const auto got = watched(sum), plain = [&] {
    o.compile = false;
    return watched(sum);
  }();
  CHECK((got.replayed > 64 && plain.replayed == 0));
  CHECK(furthest(got.found, plain.found) < 1e-12);
}

TEST_CASE("an input distribution's distilled gradients are compiled too") {
  const Tensor mean = from({0.4, -0.1}, f64).requires_grad();
  const Gaussian law = Gaussian::with_covariance(mean, eye(2, f64) * 0.7);
  check_same([](const Tensor& xt) { return alone(xt); }, InputDistribution{law},
             {.sigma = 0.6, .samples = 1280, .wrt = {{"mean", mean}}, .block = 16});
}

TEST_CASE("a score that reads values on the host is decomposed as ever, and told of") {
  int calls = 0;
  const Score score = [&](const Tensor& xt) {
    ++calls;
    return -xt / (1 + std::abs(mean(xt).item()));
  };
  const InputDistribution setup{Gaussian::standard(2, f64)};
  DecomposeOptions o{.sigma = 0.6, .samples = 1280, .block = 16};
  const auto [got, replayed, refusal] = watched([&] { return decompose(score, setup, o, Key(5)); });
  CHECK(calls == got.blocks);
  CHECK(replayed == 0);
  CHECK(contains(refusal, "read on the host"));
  o.compile = false;
  CHECK(furthest(got, decompose(score, setup, o, Key(5))) == 0);
}

TEST_CASE("the moments of multilevel differences are the same from compiled blocks") {
  const Population p = population(SampledGenerated{{}, [](int64_t n, const Key& key) { return normal({n, 2}, key, f64); }}, Level{1, 1});
  const auto moments = [&](bool compiled) {
    set_compile_by_default(compiled);
    const auto found = estimate_c2::level_moments(p, {.base = 512}, 1, 64 * 512 + 9, Key(2));
    set_compile_by_default(true);
    return found;
  };
  const auto got = moments(true), plain = moments(false);
  REQUIRE((got.size() == 1 && plain.size() == 1));
  CHECK(apart(got[0].mean, plain[0].mean) < 1e-12);
  CHECK(apart(got[0].variance, plain[0].variance) < 1e-12);
}

TEST_CASE("Multilevel and others of a finite data set decide by values on the host, so a compiled step refuses them") {
  const Population endless = population(InputDistribution{Gaussian::standard(2, f64)}, Level{1, 1}),
                   finite = population(InputDistribution{FiniteData{data}}, Level{1, 1});
  const auto refusal = [](const C2Estimator& estimate, const Population& p) {
    auto step = compile([&] { return mean(estimate(p, p.draw(8, Key(1)), Key(2))); });
    return message_of([&] {
      for (int i = 0; i < 3; ++i) step();
    });
  };
  CHECK(contains(refusal(estimate_c2::Multilevel{.decay = 2}, endless), "read on the host"));
  CHECK(contains(refusal(estimate_c2::Cross{1}, finite), "read on the host"));
  auto step = compile([&] { return mean(estimate_c2::Cross{4}(endless, endless.draw(8, Key(1)), Key(2))); });
  for (int i = 0; i < 4; ++i) step();
  CHECK(step.step().replays({}));
}
