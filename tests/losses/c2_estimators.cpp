// The estimators of C2 against closed forms and quadrature: no bias where none is claimed, the claimed rate elsewhere, and gradients.
#include "losses/c2_estimators.h"

#include "autograd/graph/mode.h"
#include "losses/closed_form.h"
#include "losses/decomposition.h"
#include "losses/score_matching.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/losses/estimate.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::losses;
namespace ec2 = scoregrad::losses::estimate_c2;

namespace {

const Options f64{.dtype = float64};
Tensor vec(const std::vector<double>& v) { return from(v, f64); }
Gaussian gauss1d() { return Gaussian::standard(1, f64); }
Mixture mixture2d() {
  return {vec({0, 0.6}), from({-1, 0.3, 0.9, -0.2}, {2, 2}, f64), from({0.6, 0, 0.2, 0.5, 0.4, 0, -0.1, 0.7}, {2, 2, 2}, f64)};
}
// C2 by quadrature.
template <class Setup>
double exact_c2(const Setup& setup, double sigma, double alpha = 1) {
  const DecomposeOptions options{.sigma = sigma, .alpha = alpha, .trace = Trace::none};
  if constexpr (std::is_same_v<Setup, InputDistribution>)
    return decompose(Score([](const Tensor& xt) { return 0 * xt; }), setup, options).c2.value.mean;
  else
    return decompose(ConditionalScore([](const Tensor& xt, const Tensor&) { return 0 * xt; }), setup, options).c2.value.mean;
}
ConditionalScore score_of(const Gaussian& g, const Level& level) {
  return [q = g.noised(level.alpha, level.sigma)](const Tensor& xt, const Tensor&) { return q.score(xt); };
}

// Twelve points of a plane seen through one noisy number.
struct Coded {
  Tensor phi = vec({0.8, -0.5}).requires_grad();
  Tensor points = normal({12, 2}, Key(7), f64);
  NoisyEncoder encoder() const {
    return {.data = {points}, .encode = [w = phi](const Tensor& x) { return unsqueeze(matmul(x, w), 1); }, .tau = 0.6};
  }
};

}  // namespace

TEST_CASE("for a Gaussian the unbiased estimators find C2 = d / (2 (v + sigma^2))") {
  const Level level{1, 0.5};
  const Population p = population(InputDistribution{gauss1d()}, level);
  const Rows rows = p.draw(10000, Key(1));
  const Population near = posterior_centred(p, score_of(gauss1d(), level));
  for (const auto& [estimator, largest] : std::vector<std::pair<C2Estimator, double>>{
           {ec2::Exact{}, 0.008},
           {ec2::Pair{}, 0.04},
           {ec2::Critic{score_of(gauss1d(), level)}, 0.04},
           {[&](const Population&, const Rows&r, const Key&k) { return ec2::Multilevel{}(near, r, k); }, 0.016}}) {
    const Estimate e = estimate(estimator(p, rows, Key(2)));
    CAPTURE(e.mean, e.error);
    CHECK(e.away(0.4) < 4);
    CHECK(e.error < largest);
  }
  CHECK(ec2::Multilevel{}.cost(near) < 18);
}

TEST_CASE("for a mixture in the plane, with alpha below one, they find what quadrature finds") {
  const Level level{0.8, 0.7};
  const InputDistribution setup{mixture2d()};
  const double want = exact_c2(setup, 0.7, 0.8);
  const Population p = population(setup, level);
  const Rows rows = p.draw(5000, Key(3));
  const Mixture noised = mixture2d().noised(0.8, 0.7);
  const ConditionalScore exact = [&](const Tensor& xt, const Tensor&) { return noised.score(xt); };
  CHECK(estimate(ec2::Exact{}(p, rows, Key(0))).away(want) < 4);
  CHECK(estimate(ec2::Pair{}(p, rows, Key(4))).away(want) < 4);
  CHECK(estimate(ec2::Critic{exact}(p, rows, Key(0))).away(want) < 4);
  const Estimate m = estimate(ec2::Multilevel{.rate = 1.3}(posterior_centred(p, exact), rows, Key(5)));
  CHECK(m.away(want) < 4);
  CHECK(m.error < 0.06);
  const ConditionalScore small = [&](const Tensor& xt, const Tensor&) { return 0.7 * noised.score(xt); };
  const Estimate esm_by_pair = estimate(esm_from_pair(small(rows.xt, {}), rows, p.second(rows, Key(6))));
  CHECK(esm_by_pair.away(0.09 * want) < 4);  // s = 0.7 s*, so ESM = 0.3^2 C2
}

TEST_CASE("C2 never exceeds C3, and reaches it where the code tells x") {
  const Coded k;
  double last = 0;
  for (double tau : {3.0, 1.0, 0.3, 0.01}) {
    NoisyEncoder e = k.encoder();
    e.tau = tau;
    const Population p = population(e, {1, 0.5});
    const double found = mean(ec2::Exact{}(p, p.draw(4000, Key(8)), Key(0))).item();
    CHECK(found > last);
    CHECK(found < 2 / (2 * 0.25) * 1.02);
    last = found;
  }
  CHECK(last > 0.95 * 4);
}

TEST_CASE("for an encoder of finite data values and gradients in the encoder are those of the exact sum") {
  const Coded k;
  const NoisyEncoder encoder = k.encoder();
  const Decomposition d = decompose([](const Tensor& xt, const Tensor&) { return 0 * xt; }, encoder,
                                    {.sigma = 0.7, .rule = quadrature::gauss_hermite(14), .wrt = {{"phi", k.phi}}, .trace = Trace::none});
  const double want = d.c2.value.mean;
  const std::vector<double> slope = d.c2.gradient.at("phi").total.mean[0].to_vector<double>();
  const Population p = population(encoder, {1, 0.7});
  const Tensor codes = encoder.codes().detach();
  const Tensor frozen_phi = k.phi.detach();
  const NoisyEncoder frozen{.data = {k.points}, .encode = [=](const Tensor& x) { return unsqueeze(matmul(x, frozen_phi), 1); }, .tau = 0.6};
  const ConditionalScore critic = [=](const Tensor& xt, const Tensor& c) { return frozen.score(xt, c, codes, 1, 0.7); };
  for (const C2Estimator& estimator :
       std::vector<C2Estimator>{ec2::Exact{}, ec2::Pair{}, ec2::Critic{critic}, ec2::Multilevel{.base = 2}, ec2::LeaveOneIn{12}}) {
    const auto block = [&](const Key& key) { return mean(estimator(p, p.draw(256, key.fold("rows")), key.fold("inner"))); };
    std::vector<double> values;
    for (int b = 0; b < 30; ++b) values.push_back(block(Key(9).fold(b)).item());
    CHECK(estimate(values).away(want) < 4);
    CHECK(estimate(values).error < 0.03);
    const std::vector<Estimate> g = estimate_gradient(block, k.phi, Key(9), 30);
    for (size_t i = 0; i < g.size(); ++i) {
      CAPTURE(i, g[i].mean, g[i].error, slope[i]);
      CHECK(g[i].away(slope[i]) < 4.5);
      CHECK(g[i].error < 0.2 * std::hypot(slope[0], slope[1]));
    }
  }
}

TEST_CASE("leave-one-in with all of the data is the exact softmax, row by row") {
  const Coded k;
  const Population p = population(k.encoder(), {0.9, 0.7});
  const Rows rows = p.draw(50, Key(10));
  CHECK(apart(ec2::LeaveOneIn{12}(p, rows, Key(11)).detach(), ec2::Exact{}(p, rows, Key(0)).detach()) < 1e-12);
  FiniteData weighted{normal({9, 2}, Key(12), f64), normal({9}, Key(13), f64)};
  const Population q = population(InputDistribution{weighted}, {1, 0.6});
  const Rows some = q.draw(50, Key(14));
  CHECK(apart(ec2::LeaveOneIn{9}(q, some, Key(15)), ec2::Exact{}(q, some, Key(0))) < 1e-12);
  CHECK_THROWS_AS((ec2::LeaveOneIn{10}(q, some, Key(15))), Error);
}

TEST_CASE("biases fall like 1/N, leave-one-in's from above without a bump, and halving removes the first order") {
  const Population p = population(InputDistribution{gauss1d()}, {1, 1.2});
  const Rows rows = p.draw(20000, Key(16));
  const Tensor exact = ec2::Exact{}(p, rows, Key(0));
  // The exact value of the same row takes away most of the scatter.
  const auto bias = [&](const C2Estimator& e, int seed) { return estimate(e(p, rows, Key(17).fold(seed)) - exact); };
  const auto slope = [](double first, double last, double doublings) { return std::log2(last / first) / doublings; };
  const Estimate out8 = bias(ec2::LeaveOneOut{8}, 1), out32 = bias(ec2::LeaveOneOut{32}, 2), half8 = bias(ec2::HalfJackknife{8}, 3);
  CHECK(out32.mean > 10 * out32.error);
  CHECK(std::abs(slope(out8.mean, out32.mean, 2) + 1) < 0.25);
  CHECK(std::abs(half8.mean) < 0.5 * out8.mean);
  double last = bias(ec2::LeaveOneIn{4}, 4).mean;
  const double first = last;
  for (int64_t n : {8, 16, 32}) {
    const Estimate in = bias(ec2::LeaveOneIn{n}, 5);
    CHECK(in.mean > 4 * in.error);
    CHECK(in.mean < last);
    last = in.mean;
  }
  CHECK(std::abs(slope(first, last, 3) + 1) < 0.25);
  const Estimate cross8 = bias(ec2::Cross{8}, 6), cross32 = bias(ec2::Cross{32}, 7);
  CHECK(std::abs(cross32.mean) + 4 * cross32.error < std::abs(cross8.mean));
}

TEST_CASE("the plug-in is wrong in first order, the critic in second and always below") {
  const Level level{1, 0.5};
  const Population p = population(InputDistribution{gauss1d()}, level);
  const Rows rows = p.draw(40000, Key(18));
  const auto off = [&](double by) -> ConditionalScore {
    return [exact = score_of(gauss1d(), level), by](const Tensor& xt, const Tensor& c) { return (1 + by) * exact(xt, c); };
  };
  for (double by : {0.2, -0.2}) {
    CHECK(estimate(ec2::PlugIn{off(by)}(p, rows, Key(0))).away(0.4 * (1 + by) * (1 + by)) < 4);
    CHECK(estimate(ec2::Critic{off(by)}(p, rows, Key(0))).away(0.4 * (1 - by * by)) < 4);
  }
}

TEST_CASE("under a frozen score the plug-in penalty has the wrong sign: it shrinks a law faster, C2's gradient widens it") {
  const double w = 0.8, sigma = 0.5;
  const Tensor deviation = scalar(0.9, f64).requires_grad();
  const Population p = population(InputDistribution{Gaussian{zeros({1}, f64), reshape(deviation, {1, 1})}}, {1, sigma});
  const ec2::PlugIn plug_in{[&](const Tensor& xt, const Tensor&) { return -w * xt; }};
  const auto slope = [&](const C2Estimator& e) {
    return estimate_gradient([&](const Key& key) { return mean(e(p, p.draw(1000, key), key)); }, deviation, Key(19), 50)[0];
  };
  const double s = 0.81 + sigma * sigma;
  CHECK(slope(plug_in).away(w * w * 0.9) < 4);          // d/dv = w^2 / 2
  CHECK(slope(ec2::Exact{}).away(-0.9 / (s * s)) < 4);  // d/dv = -1 / (2 s^2)
}

TEST_CASE("the envelope: -DSM of the exact score held fixed has C2's gradient, exactly, along the samples alone") {
  const Tensor c = vec({0.4, -0.3}).requires_grad();
  const auto law = [](const Tensor& at) {
    const Tensor a = select(at, 0, 0), b = select(at, 0, 1);
    return Mixture{stack({0 * a, 0.5 * b}), unsqueeze(stack({a - 1, a * b + 1}), 1), reshape(exp(stack({0.3 * b, -0.5 * a})), {2, 1, 1})};
  };
  const Mixture fixed = law(c.detach()).noised(1, 0.6);
  const ConditionalScore exact = [&](const Tensor& xt, const Tensor&) { return fixed.score(xt); };
  const Decomposition d = decompose(exact, Generated{c, law(c)}, {.sigma = 0.6, .wrt = {{"c", c}}, .trace = Trace::none});
  CHECK(std::abs(d.esm.value.mean) < 1e-12);
  const Gradient dsm = d.dsm.gradient.at("c").along("dist"), c2 = d.c2.gradient.at("c").total;
  CHECK(c2.norm() > 0.05);
  CHECK(apart(-dsm.mean[0], c2.mean[0]) < 1e-11);
}

TEST_CASE("generated data: the corrected loss has ESM's gradient in c where DSM's is far off") {
  const Tensor c = vec({0.5}).requires_grad();
  const double alpha = 0.9, sigma = 0.8;
  const auto law = [&](const Tensor& at) { return Gaussian{matmul(from({1, -0.4}, {2, 1}, f64), at), exp(0.7 * at) * eye(2, f64)}; };
  const closed_form::AffineScore net{from({-0.5, 0.1, 0, -0.7}, {2, 2}, f64), from({0.3, -0.2}, {2, 1}, f64), vec({0.1, 0.2})};
  const double v = std::exp(1.4 * 0.5);
  const closed_form::Generated want = closed_form::generated(
      net, {from({1, -0.4}, {2, 1}, f64), zeros({2}, f64), c.detach(), v * eye(2, f64), reshape(1.4 * v * eye(2, f64), {1, 2, 2})}, alpha,
      sigma);
  const Population p = population(Generated{c, law(c)}, {alpha, sigma});
  const Gaussian fixed = law(c.detach()).noised(alpha, sigma);
  const ConditionalScore exact = [&](const Tensor& xt, const Tensor&) { return fixed.score(xt); };
  const Population near = posterior_centred(p, exact);
  const auto at_net = [&](const Rows& r) { return matmul(r.xt, transpose(net.w)) + matmul(r.c, transpose(net.v)) + net.u; };
  const auto slope = [&](const C2Estimator& e) {
    return estimate_gradient(
        [&](const Key& key) {
          const Rows rows = p.draw(256, key.fold("rows"));
          return mean(corrected(at_net(rows), rows, e(p, rows, key.fold("inner"))));
        },
        c, Key(20), 60)[0];
  };
  const double esm = want.esm().item(), dsm = want.dsm().item();
  for (const C2Estimator& e :
       std::vector<C2Estimator>{ec2::Exact{}, ec2::Pair{}, ec2::Critic{exact},
                                [&](const Population&, const Rows&r, const Key&k) { return ec2::Multilevel{}(near, r, k); }}) {
    const Estimate g = slope(e);
    CAPTURE(g.mean, g.error, esm, dsm);
    CHECK(g.away(esm) < 4);
    CHECK(g.away(dsm) > 10);
  }
  // With a free condition of fixed data there is no bias to take away.
  const Population free = population(FreeCondition{c, law(c)}, {alpha, sigma});
  const Rows rows = free.draw(20, Key(21));
  CHECK_FALSE(ec2::Exact{}(free, rows, Key(0)).tracked());
  CHECK(rows.c.tracked());
}

TEST_CASE("an encoder of Gaussian data: samples, an encoder and a network are enough for ESM's gradient") {
  const double tau = 0.7, sigma = 0.9;
  const Tensor phi = from({0.8, -0.3}, {1, 2}, f64).requires_grad();
  const closed_form::AffineScore net{from({-0.5, 0.1, 0, -0.7}, {2, 2}, f64), from({0.3, -0.2}, {2, 1}, f64), vec({0, 0})};
  const closed_form::Encoder want = closed_form::encoder(net, eye(2, f64), phi.detach(), tau, 1, sigma);
  const SampledEncoder samples{.sample =
                                   [](int64_t n, const Key& key) {
                                     return normal({n, 2}, key, f64);
                                   },
                               .encode = [&](const Tensor& x) { return matmul(x, transpose(phi)); },
                               .tau = tau};
  const LinearEncoder known{Gaussian::standard(2, f64), phi, tau};
  const auto slope = [&](const Population& p, const C2Estimator& e) {
    return estimate_gradient(
        [&](const Key& key) {
          const Rows rows = p.draw(256, key.fold("rows"));
          const Tensor s = matmul(rows.xt, transpose(net.w)) + matmul(rows.c, transpose(net.v));
          return mean(corrected(s, rows, e(p, rows, key.fold("inner"))));
        },
        phi, Key(22), 30);
  };
  const std::vector<double> esm = want.esm().to_vector<double>(), dsm = want.dsm.to_vector<double>();
  const std::vector<Estimate> exact = slope(population(known, {1, sigma}), ec2::Exact{}),
                              pair = slope(population(known, {1, sigma}), ec2::Pair{}),
                              in = slope(population(samples, {1, sigma}), ec2::LeaveOneIn{256});
  for (size_t i = 0; i < 2; ++i) {
    CHECK(exact[i].away(esm[i]) < 4);
    CHECK(pair[i].away(esm[i]) < 4);
    CHECK(std::abs(in[i].mean - esm[i]) < 4 * in[i].error + 0.1 * std::abs(esm[i] - dsm[i]));
  }
  CHECK(exact[0].away(dsm[0]) > 10);
}

TEST_CASE("Multilevel refuses rates whose variance or cost is infinite, and says why") {
  CHECK(ec2::prior_decay(0.5, 1) == 1.125);
  CHECK(ec2::prior_decay(2, 1) == 2);
  const Population p = population(InputDistribution{gauss1d()}, {1, 0.5});
  const auto message = [&](const ec2::Multilevel& m) -> std::string {
    try {
      m.cost(p);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(message({.rate = 1, .decay = 2}).find("cost") != std::string::npos);
  CHECK(message({.rate = 1.5, .decay = ec2::prior_decay(0.5, 1)}).find("variance is infinite") != std::string::npos);
  CHECK(message({}).find("prior_decay") != std::string::npos);
  CHECK(message({.rate = 1.5, .decay = 1.9}).empty());
}

TEST_CASE("the levels' means add up to what the base misses, and their variance decays as the proposal allows") {
  const Level level{1, 1};
  const Population p = population(InputDistribution{gauss1d()}, level);
  const auto levels = ec2::level_moments(posterior_centred(p, score_of(gauss1d(), level)), {}, 5, 1500, Key(23));
  CHECK(levels.size() == 5);
  CHECK(levels.back().others == 4 * 32);
  CHECK(ec2::decay_of(levels) > 1.6);
  const Rows rows = p.draw(10000, Key(24));
  const Tensor exact = ec2::Exact{}(p, rows, Key(0));
  const Population near = posterior_centred(p, score_of(gauss1d(), level));
  const Estimate base = estimate(ec2::LeaveOneOut{4}(near, rows, Key(25)) - exact);
  double total = base.mean, variance = base.error * base.error;
  for (const auto& l : levels) total += l.mean, variance += l.error * l.error;
  CHECK(std::abs(total) < 4 * std::sqrt(variance) + 0.01);
}

TEST_CASE("populations refuse what samples cannot do") {
  const Tensor w = vec({0, 0.6}).requires_grad();
  const Mixture m{w, mixture2d().means, mixture2d().factors};
  CHECK_THROWS_AS(population(InputDistribution{m}, {1, 0.5}), Error);
  CHECK_THROWS_AS(population(InputDistribution{gauss1d()}, {1, 0}), Error);
  const Coded k;
  NoisyEncoder e = k.encoder();
  e.tau = 0;
  CHECK_THROWS_AS(population(e, {1, 0.5}), Error);
  const Population samples = population(SampledGenerated{{}, [](int64_t n, const Key& key) { return normal({n, 1}, key, f64); }}, {1, 0.5});
  const Rows rows = samples.draw(8, Key(26));
  CHECK_THROWS_AS(ec2::Exact{}(samples, rows, Key(0)), Error);
  CHECK_THROWS_AS(ec2::Pair{}(samples, rows, Key(0)), Error);
  CHECK_THROWS_AS(posterior_centred(samples, score_of(gauss1d(), {1, 0.5})), Error);
  CHECK_THROWS_AS((ec2::HalfJackknife{7}(samples, rows, Key(0))), Error);
  CHECK_THROWS_AS(corrected(rows.xt, rows, zeros({7}, f64)), Error);
}

TEST_CASE("several conditions: each row has others of its own condition") {
  const Tensor c = from({-2, 3}, {2, 1}, f64).requires_grad();
  const Population p = population(Generated{c, Gaussian{5 * c, broadcast_to(0.1 * eye(1, f64), {2, 1, 1})}}, {1, 0.3});
  const Rows rows = p.draw(6, Key(27));
  CHECK(apart(select(rows.c, 1, 0).detach(), vec({-2, -2, -2, 3, 3, 3})) == 0);
  const Tensor x = p.others(rows, 4, Key(28)).x;
  CHECK(max(abs(x - 5 * unsqueeze(rows.c, 1))).item() < 1);
  CHECK(max(abs(p.second(rows, Key(29)).x - 5 * rows.c)).item() < 1);
  CHECK(apart(p.score(rows).detach(), ((5 * rows.c - rows.xt) / (0.01 + 0.09)).detach()) < 1e-12);
  CHECK_THROWS_AS(p.draw(5, Key(0)), Error);
}
