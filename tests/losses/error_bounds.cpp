// Law: under every set-up the stated integration error bounds the true one, over random laws, encoders and noise levels from 1e-3 to 1e2.
// What is right is a fine grid of x_t, a much finer rule, or a closed form in long double.
#include <cmath>

#include "distributions/encoder.h"
#include "nn/mlp.h"
#include "tests/losses/on_a_grid.h"

using namespace scoregrad;
using namespace scoregrad::losses;
using namespace scoregrad::distributions;
using on_a_grid::f64;

namespace {

double between(double low, double high, const Key& key) { return low + (high - low) * uniform({}, key, f64).item(); }
// 10^low .. 10^high, equally likely in their logarithm.
double power(double low, double high, const Key& key) { return std::pow(10, between(low, high, key)); }
double noise_level(const Key& key) { return power(-3, 2, key.fold("sigma")); }

Tensor column(const Tensor& x) { return reshape(x, {x.numel(), 1}); }
// Smooth over the width of x_t, as a trained score is, with a condition that moves it.
struct Smooth {
  nn::MLP net;
  double sigma, tau;
  Tensor operator()(const Tensor& xt, const Tensor& c) const { return net(concat({xt / (1 + sigma), c / (1 + tau)}, 1)) / (1 + sigma); }
};
Smooth smooth(double sigma, double tau, const Key& key) { return {nn::MLP({2, 5, 1}, nn::tanh, key.fold("net"), f64), sigma, tau}; }

}  // namespace

TEST_CASE("finite data with duplicate points, whose places and weights follow c") {
  for (int i = 0; i < 12; ++i) {
    const Key key = Key(41).fold(i);
    const double sigma = noise_level(key);
    const Tensor c = from({0.3}, f64).requires_grad(), which = indices({0, 1, 1, 2, 3});
    const Tensor at = index_select(normal({4}, key.fold("at"), f64), 0, which) + index_select(linspace(-0.5, 1, 4, f64), 0, which) * c;
    const Tensor log_weights = normal({5}, key.fold("weight"), f64) * c;
    const ConditionalScore score = smooth(sigma, 0, key);
    const Decomposition d = decompose(score, Generated{c, FiniteData{column(at), log_weights}}, {.sigma = sigma, .wrt = {{"c", c}}});
    CAPTURE(i, sigma, d.samples, d.integration);
    CHECK(d.exact);
    on_a_grid::check_bounds(d, on_a_grid::losses_of({log_weights, column(at), full({5, 1, 1}, sigma, f64)}, c, score, sigma));
  }
}

TEST_CASE("several conditions, each with its own law and noise level, as those of a raw input that comes with x") {
  for (int i = 0; i < 6; ++i) {
    const Key key = Key(46).fold(i);
    const std::vector<double> sigma{power(-3, 2, key.fold("first")), power(-3, 2, key.fold("second"))};
    const Tensor c = from({0.3, -0.7}, {2, 1}, f64).requires_grad(), slope = linspace(-0.5, 1, 2, f64);
    const Tensor at = normal({2}, key.fold("at"), f64), widths = from({0.05, 0.6}, f64);
    const auto law_of = [&](const Tensor& each) {  // each [.., 1]
      const Tensor means = unsqueeze(at + slope * each, -1);
      return Mixture{slope * each, means, unsqueeze(unsqueeze(widths * exp(slope * each), -1), -1)};
    };
    const nn::MLP net({2, 5, 1}, nn::tanh, key.fold("net"), f64);
    const ConditionalScore score = [&](const Tensor& xt, const Tensor& code) { return net(concat({xt, code}, 1)); };
    const Decomposition d = decompose(score, Generated{c, law_of(c)}, {.sigma = from(sigma, f64), .wrt = {{"c", c}}});
    CAPTURE(i, sigma[0], sigma[1], d.samples, d.integration);
    CHECK(d.exact);
    on_a_grid::Right mean{};
    const std::vector<double> c_of = c.to_vector<double>();
    for (size_t j = 0; j < 2; ++j) {
      const Tensor one = from({c_of[j]}, f64).requires_grad();
      const on_a_grid::Right right = on_a_grid::losses_of(law_of(one).noised(1, sigma[j]), one, score, sigma[j]);
      const auto within = [&](const Term& term, double want) {
        const Gradient& g = term.gradient.at("c").total;
        const double got = g.mean[0].to_vector<double>()[j], stated = g.error[0].to_vector<double>()[j];
        CAPTURE(j, got, stated, want);
        CHECK(std::abs(got - want / 2) <= stated + 2e-14 * std::abs(want));
      };
      within(d.esm, right.slope.esm), within(d.ism, right.slope.ism), within(d.c2, right.slope.c2);
      mean.value.esm += right.value.esm / 2, mean.value.c2 += right.value.c2 / 2, mean.value.dsm += right.value.dsm / 2;
    }
    for (const auto& [term, want] : {std::pair{&d.dsm, mean.value.dsm}, {&d.esm, mean.value.esm}, {&d.c2, mean.value.c2}})
      CHECK(std::abs(term->value.mean - want) <= term->value.error + 2e-14 * want);
  }
}

TEST_CASE("a free condition: the network's path alone, over a law of mixed widths") {
  for (int i = 0; i < 8; ++i) {
    const Key key = Key(42).fold(i);
    const double sigma = noise_level(key);
    const Tensor c = from({0.3}, f64).requires_grad();
    const Mixture law{normal({3}, key.fold("weight"), f64), normal({3, 1}, key.fold("mean"), f64),
                      reshape(from({1, power(-2, 0, key.fold("width")), 0.3}, f64), {3, 1, 1})};
    const ConditionalScore score = smooth(sigma, 0, key);
    const Decomposition d = decompose(score, FreeCondition{c, law}, {.sigma = sigma, .wrt = {{"c", c}}});
    CAPTURE(i, sigma, d.samples, d.integration);
    CHECK(d.exact);
    const on_a_grid::Right right = on_a_grid::losses_of(law.noised(1, sigma), c, score, sigma);
    CHECK(right.slope.c2 == 0);
    on_a_grid::check_bounds(d, right);
  }
}

TEST_CASE("an input distribution: weights, means and widths under every loss, distillation's among them") {
  for (int i = 0; i < 4; ++i) {
    const Key key = Key(43).fold(i);
    const double sigma = noise_level(key);
    const Tensor c = from({0.3}, f64).requires_grad(), slope = linspace(-0.5, 1, 3, f64);
    const Tensor widths = from({1, power(-2, 0, key.fold("width")), 0.3}, f64);
    const Mixture law{normal({3}, key.fold("weight"), f64) * c, column(normal({3}, key.fold("mean"), f64) + slope * c),
                      reshape(widths * exp(slope * c), {3, 1, 1})};
    const Mixture model = Mixture{from({0.3, 0}, f64), from({-1.5, 1.2}, {2, 1}, f64), from({0.6, 0.9}, {2, 1, 1}, f64)}.noised(1, sigma);
    const Score score = [&](const Tensor& xt) { return model.score(xt); };
    const Decomposition d = decompose(score, InputDistribution{law}, {.sigma = sigma, .wrt = {{"c", c}}});
    CAPTURE(i, sigma, d.samples, d.integration);
    CHECK(d.exact);
    const Mixture q = law.noised(1, sigma);
    const auto as_conditional = [&](const Tensor& xt, const Tensor&) { return model.score(xt); };
    on_a_grid::check_bounds(d, on_a_grid::losses_of(q, c, as_conditional, sigma, 0.6));
    const on_a_grid::Grid grid(q, 0.6, 12);
    double cross = 0, divergence = 0, size = 0;
    grid.for_points([&](const Tensor& x) {
      const Tensor log_q = q.log_density(x), log_m = model.log_density(x), p = exp(log_q) * grid.cell();
      cross += grad(-sum(p * log_m), c).item(), divergence += grad(sum(p * (log_q - log_m)), c).item();
      size += sum(p * (abs(log_q) + abs(log_m))).item();
    });
    for (const auto& [term, want] : {std::pair{&d.sds, cross}, std::pair{&d.vsd, divergence}}) {
      const Gradient& g = term->gradient.at("c").total;
      CAPTURE(g.mean[0].item(), g.error[0].item(), want, size);
      CHECK(std::abs(g.mean[0].item() - want) <= g.error[0].item() + 2e-14 * size);
    }
  }
}

TEST_CASE("encoders of data: each loss and each path against a much finer rule") {
  for (int i = 0; i < 6; ++i) {
    const Key key = Key(44).fold(i);
    const double sigma = noise_level(key), tau = power(-2, 1, key.fold("tau"));
    const Tensor phi = scalar(0.8, f64).requires_grad();
    const NoisyEncoder q{
        .data = {normal({3, 1}, key.fold("data"), f64)}, .encode = [&](const Tensor& x) { return tanh(phi * x); }, .tau = tau};
    const ConditionalScore score = smooth(sigma, tau, key);
    DecomposeOptions o{.sigma = sigma, .rule = quadrature::trapezoid(9, 0.5), .wrt = {{"phi", phi}}};
    const Decomposition d = decompose(score, q, o);
    o.rule = quadrature::trapezoid(9.5, 0.07);
    o.tolerance = 1e3;
    const Decomposition fine = decompose(score, q, o);
    CAPTURE(i, sigma, tau, d.samples, fine.samples, d.integration);
    CHECK(d.exact);
    for (auto member : {&Decomposition::dsm, &Decomposition::esm, &Decomposition::ism, &Decomposition::c2}) {
      const Term &a = d.*member, &b = fine.*member;
      CHECK(std::abs(a.value.mean - b.value.mean) <= a.value.error);
      for (const auto& [path, along] : a.gradient.at("phi").by_path) {
        const Gradient right = b.gradient.at("phi").along(path);
        CAPTURE(path, along.mean[0].item(), along.error[0].item(), right.mean[0].item(), right.error[0].item());
        CHECK(std::abs(along.mean[0].item() - right.mean[0].item()) <= along.error[0].item());
      }
    }
  }
}

TEST_CASE("linear encoders of Gaussian data: the closed form") {
  for (int i = 0; i < 40; ++i) {
    const Key key = Key(45).fold(i);
    const double sigma = noise_level(key), tau = power(-3, 2, key.fold("tau")), spread = power(-2, 1, key.fold("spread"));
    const double gain = between(0.2, 1.5, key.fold("gain")), w = -between(0.1, 1, key.fold("w")) / (1 + sigma), by_c = w / (1 + tau),
                 u = 0.1;
    const Tensor phi = scalar(gain, f64).requires_grad();
    const LinearEncoder linear{Gaussian{zeros({1}, f64), full({1, 1}, spread, f64)}, reshape(phi, {1, 1}), tau};
    const Decomposition d = decompose([&](const Tensor& xt, const Tensor& c) { return w * xt + by_c * c + u; }, linear,
                                      {.sigma = sigma, .rule = quadrature::gauss_hermite(3), .wrt = {{"phi", phi}}});
    CAPTURE(i, sigma, tau, spread, d.integration);
    CHECK(d.exact);
    using Real = long double;
    const Real v = Real(spread) * spread, t2 = Real(tau) * tau, s2 = Real(sigma) * sigma, seen = Real(gain) * gain * v + t2;
    const Real p = v * t2 / seen, k = v * gain / seen, total = p + s2, slope = -2 * gain * v * v * t2 / (seen * seen);
    const Real b = w + Real(by_c) * gain, m = w + 1 / total, n = by_c - k / total, by_x = m + n * gain,
               noise = sigma * Real(w) + 1 / Real(sigma);
    const Real c2 = 0.5L / total, dsm = 0.5L * (b * b * v + t2 * by_c * by_c + u * Real(u) + noise * noise);
    const Real esm = 0.5L * (by_x * by_x * v + s2 * m * m + t2 * n * n + u * Real(u));
    const Real dsm_slope = by_c * b * v, c2_slope = -0.5L * slope / (total * total);
    const auto check = [&](const Term& term, Real value, Real by_phi) {
      const Gradient& g = term.gradient.at("phi").total;
      CAPTURE(term.value.mean, term.value.error, value, g.mean[0].item(), g.error[0].item(), by_phi);
      CHECK(std::abs(term.value.mean - value) <= term.value.error);
      CHECK(std::abs(g.mean[0].item() - by_phi) <= g.error[0].item());
    };
    check(d.dsm, dsm, dsm_slope), check(d.esm, esm, dsm_slope + c2_slope), check(d.c2, c2, c2_slope);
  }
}
