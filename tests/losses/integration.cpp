// Law: an exact decomposition states an integration error that bounds the true one, says when it has not converged, and counts its nodes
// before the work. What is right is a sum over a fine grid of x_t itself, which shares nothing with the library's.
#include <algorithm>
#include <cmath>

#include "autograd/graph/gradient.h"
#include "losses/closed_form.h"
#include "losses/decomposition.h"
#include "losses/score_matching.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/losses/on_a_grid.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::losses;
using namespace scoregrad::distributions;

namespace {

const Options f64{.dtype = float64};

double total(const Term& t, const char* name, size_t i = 0) { return t.gradient.at(name).total.mean[0].to_vector<double>()[i]; }
double error_of(const Term& t, const char* name, size_t i = 0) { return t.gradient.at(name).total.error[0].to_vector<double>()[i]; }

// A mixture on the line whose weights, means and deviations all follow c.
struct Line {
  std::vector<double> mean, log_deviation, log_weight;

  Line(int64_t k, double narrowest, const Key& key) {
    mean = normal({k}, key.fold("mean"), f64).to_vector<double>();
    log_weight = normal({k}, key.fold("weight"), f64).to_vector<double>();
    log_deviation = (std::log(narrowest) * uniform({k}, key.fold("deviation"), f64)).to_vector<double>();
  }
  Mixture at(const Tensor& c) const {
    const int64_t k = static_cast<int64_t>(mean.size());
    const Tensor slope = linspace(-0.5, 1, k, f64);
    return {from(log_weight, f64) + slope * c, reshape(from(mean, f64) + slope * c, {k, 1}),
            reshape(exp(from(log_deviation, f64) + 0.3 * slope * c), {k, 1, 1})};
  }
};

}  // namespace

TEST_CASE("the stated integration error bounds the true one, over random mixtures and noise from 1e-3 to 1e2") {
  for (int i = 0; i < 40; ++i) {
    const Key key = Key(31).fold(i);
    const double sigma = std::pow(10, -3 + 5 * uniform({}, key.fold("sigma"), f64).item());
    const Line line(2 + i % 2, i % 3 ? 0.03 : 0.3, key);
    const nn::MLP net({2, 5, 1}, nn::tanh, key.fold("net"), f64);
    const ConditionalScore score = [&](const Tensor& xt, const Tensor& c) { return net(concat({xt / (1 + sigma), c}, 1)) / (1 + sigma); };
    const Tensor c = from({0.3}, f64).requires_grad();
    const Decomposition d = decompose(score, Generated{c, line.at(c)}, {.sigma = sigma, .wrt = {{"c", c}}});
    CAPTURE(i, sigma, d.samples, d.integration);
    CHECK(d.exact);
    CHECK_FALSE(d.kinked());
    const auto right = on_a_grid::losses_of(line.at(c).noised(1, sigma), c, score, sigma);
    on_a_grid::check_bounds(d, right);
    // A rule that is too coarse and not refined says so, and by how much.
    const Decomposition coarse = decompose(score, Generated{c, line.at(c)},
                                           {.sigma = sigma, .rule = quadrature::trapezoid(9, 1), .wrt = {{"c", c}}, .tolerance = 1e3});
    on_a_grid::check_bounds(coarse, right);
  }
}

TEST_CASE("encoders: the stated error bounds the distance to a much finer rule, and to the closed form") {
  for (int i = 0; i < 6; ++i) {
    const Key key = Key(32).fold(i);
    const double sigma = std::pow(10, -2 + 3 * uniform({}, key.fold("sigma"), f64).item()),
                 tau = std::pow(10, -1 + 2 * uniform({}, key.fold("tau"), f64).item());
    const Tensor phi = scalar(0.8, f64).requires_grad();
    const NoisyEncoder q{
        .data = {normal({3, 1}, key.fold("data"), f64)}, .encode = [&](const Tensor& x) { return tanh(phi * x); }, .tau = tau};
    const nn::MLP net({2, 5, 1}, nn::tanh, key.fold("net"), f64);
    const ConditionalScore score = [&](const Tensor& xt, const Tensor& c) { return net(concat({xt / (1 + sigma), c / (1 + tau)}, 1)); };
    DecomposeOptions o{.sigma = sigma, .rule = quadrature::trapezoid(9, 0.5), .wrt = {{"phi", phi}}};
    const Decomposition d = decompose(score, q, o);
    o.rule = quadrature::trapezoid(9, 0.0625);
    o.tolerance = 1e3;
    const Decomposition fine = decompose(score, q, o);
    CAPTURE(i, sigma, tau, d.samples, d.integration);
    CHECK(d.exact);
    for (auto member : {&Decomposition::dsm, &Decomposition::esm, &Decomposition::ism, &Decomposition::c2}) {
      const Term &a = d.*member, &b = fine.*member;
      CHECK(std::abs(a.value.mean - b.value.mean) <= a.value.error);
      for (const auto& [path, along] : a.gradient.at("phi").by_path)
        CHECK(std::abs(along.mean[0].item() - b.gradient.at("phi").along(path).mean[0].item()) <= along.error[0].item());
    }

    const LinearEncoder linear{.data = Gaussian::standard(1, f64), .gain = reshape(phi, {1, 1}), .tau = tau};
    const closed_form::AffineScore affine{from({-0.6}, {1, 1}, f64), from({0.4}, {1, 1}, f64), zeros({1}, f64)};
    const closed_form::Encoder want = closed_form::encoder(affine, eye(1, f64), from({0.8}, {1, 1}, f64), tau, 1, sigma);
    const Decomposition e = decompose([](const Tensor& xt, const Tensor& c) { return -0.6 * xt + 0.4 * c; }, linear,
                                      {.sigma = sigma, .rule = quadrature::gauss_hermite(2), .wrt = {{"phi", phi}}});
    CHECK(e.exact);
    CHECK(std::abs(e.esm.value.mean - want.value.esm.item()) <= e.esm.value.error);
    CHECK(std::abs(e.dsm.value.mean - want.value.dsm.item()) <= e.dsm.value.error);
    CHECK(std::abs(total(e.esm, "phi") - want.esm().item()) <= error_of(e.esm, "phi"));
    CHECK(std::abs(total(e.c2, "phi") - want.c2.item()) <= error_of(e.c2, "phi"));
  }
}

TEST_CASE("components of different width: each is integrated over itself, as finely as its narrowest neighbour wants") {
  const Tensor c = scalar(0.1, f64).requires_grad();
  const Mixture law{zeros({2}, f64), from({0, 0.7}, {2, 1}, f64), reshape(stack({exp(c), 0.1 * exp(-c)}), {2, 1, 1})};
  const ConditionalScore score = [](const Tensor& xt, const Tensor&) { return -xt; };
  const auto slope_with = [&](double step) {
    const Tensor one = unsqueeze(c, 0);
    return decompose(score, Generated{one, law}, {.sigma = 0.01, .rule = quadrature::trapezoid(9, step), .wrt = {{"c", c}}});
  };
  const Decomposition a = slope_with(0.2), b = slope_with(0.05);
  CHECK((a.exact && b.exact));
  CHECK(apart(total(a.c2, "c"), total(b.c2, "c")) < 1e-9);
}

TEST_CASE("kinks: the second identity is off by what the divergence misses, and the table says so") {
  // s = v relu(w x + b): d/db of E div s = v w P(w x + b > 0) is v w q(-b/w) / |w|, of which sweeps see nothing.
  const double v = -0.7, w = 1.3, sigma = 0.8, variance = 1 + sigma * sigma;
  const Tensor b = scalar(0.4, f64).requires_grad();
  const Score score = [&](const Tensor& xt) { return v * relu(w * xt + b); };
  const Decomposition d =
      decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = sigma, .wrt = {{"b", b}}, .most_nodes = 20000});
  const double at = -0.4 / w, q = std::exp(-0.5 * at * at / variance) / std::sqrt(2 * std::acos(-1.0) * variance);
  CHECK_FALSE(d.exact);
  CHECK(d.integration > 1e-7);
  CHECK(d.samples <= 20000);
  CHECK(d.kinked());
  CHECK(std::abs(total(d.by_parts, "b") + v * q) < 1e-3);
  CHECK(std::abs(total(d.residual, "b")) < 1e-12);  // the first identity sees nothing
  const std::string text = to_string(d);
  CHECK((contains(text, "NOT CONVERGED") && contains(text, "* ISM") && contains(text, "kinks")));
  const Decomposition drawn =
      decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = sigma, .samples = 20000, .wrt = {{"b", b}}}, Key(3));
  CHECK((drawn.kinked() && drawn.sampled && !drawn.exact));

  const Score smooth = [&](const Tensor& xt) { return v * softplus(w * xt + b); };
  const Decomposition e = decompose(smooth, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = sigma, .wrt = {{"b", b}}});
  CHECK((e.exact && !e.kinked() && std::abs(total(e.by_parts, "b")) < 1e-12));
  CHECK(contains(to_string(e), "(integration"));
}

TEST_CASE("a narrow score is found out: layer normalisation's width of 3e-3 is refined until it holds") {
  const Tensor u = scalar(0.3, f64).requires_grad();
  const Score score = [&](const Tensor& xt) { return xt / sqrt(square(xt) + 1e-5) * u; };
  const Decomposition d =
      decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = 0.5, .wrt = {{"u", u}}, .trace = Trace::none});
  CHECK(d.exact);
  CHECK(d.samples > 2000);
  // E |x| / sqrt-smoothed: dESM/du = u E x^2/(x^2 + 1e-5) + E x^2 / (sqrt(x^2 + 1e-5) (1 + sigma^2)), on a grid of its own
  double want = 0;
  const double deviation = std::sqrt(1.25), h = 1e-4;
  for (double x = h / 2; x < 12; x += h) {
    const double p = 2 * h * std::exp(-0.5 * x * x / 1.25) / (deviation * std::sqrt(2 * std::acos(-1.0)));
    want += p * (0.3 * x * x / (x * x + 1e-5) + x * x / std::sqrt(x * x + 1e-5) / 1.25);
  }
  CHECK(std::abs(total(d.esm, "u") - want) < 1e-8);
}

TEST_CASE("where everything rests there is nothing to refine: the exact score has no ESM, no VSD and no gradient of either") {
  const Tensor mean = from({0.3}, f64).requires_grad(), spread = from({0.6}, {1, 1}, f64).requires_grad();
  for (const double sigma : {1e-3, 0.5, 1e2}) {
    const Gaussian law{mean, spread}, fixed = law.detached().noised(1, sigma);
    const Score score = [&](const Tensor& xt) { return fixed.score(xt); };
    for (const Trace trace : {Trace::none, Trace::exact}) {
      const Decomposition d = decompose(score, InputDistribution{law}, {.sigma = sigma, .wrt = {{"law", {mean, spread}}}, .trace = trace});
      CAPTURE(sigma, d.integration, d.esm.value.mean, d.esm.value.error);
      CHECK(d.exact);
      CHECK(d.samples < 400);
      CHECK(d.esm.value.error < 1e-9 * d.c2.value.mean);
      CHECK(d.esm.gradient.at("law").total.norm() < 1e-9 * d.c2.value.mean);
    }
  }
}

TEST_CASE("a sum that cancels is not asked for digits that it has not: equal weights on either side") {
  const Tensor shift = from({0.0}, f64).requires_grad();
  const Mixture law{zeros({2}, f64), from({-1, 1}, {2, 1}, f64) + shift, full({2, 1, 1}, 0.3, f64)};
  const Decomposition d =
      decompose([](const Tensor& xt) { return -xt; }, InputDistribution{law}, {.sigma = 0.1, .wrt = {{"shift", shift}}});
  CHECK(d.exact);
  for (const Term* term : {&d.dsm, &d.esm, &d.c2, &d.ism, &d.sds, &d.vsd})
    CHECK(std::abs(total(*term, "shift")) <= error_of(*term, "shift"));
}

TEST_CASE("distillation's weights: what lies between the components counts as work, and too much of it is refused") {
  const Tensor w = from({0.2, -0.5}, f64).requires_grad();
  const Score score = [](const Tensor& xt) { return -xt; };
  const auto with = [&](double distance, int64_t most) {
    return decompose(score, InputDistribution{FiniteData{from({0, distance}, {2, 1}, f64), w}},
                     {.sigma = 1e-2, .wrt = {{"w", w}}, .most_nodes = most});
  };
  CHECK(with(0.3, 100000).exact);
  CHECK(contains(message_of([&] { with(0.3, 3000); }), "most_nodes"));
  CHECK(contains(message_of([&] { with(100, 100000); }), "`samples`"));
}

TEST_CASE("nodes are counted before the work, and an error names the ways out") {
  const Score score = [](const Tensor& xt) { return -xt; };
  for (const int64_t d : {4, 12, 40}) {
    const std::string said = message_of([&] { decompose(score, InputDistribution{Gaussian::standard(d, f64)}, {.sigma = 1}); });
    CAPTURE(d, said);
    CHECK((contains(said, "nodes") && contains(said, "`samples`") && contains(said, "coarser")));
  }
  CHECK(std::abs(quadrature::count(quadrature::trapezoid(), 2) /
                     static_cast<double>(quadrature::product(quadrature::trapezoid(), 2, f64).weights.numel()) -
                 1) < 0.02);
  CHECK(quadrature::count(quadrature::gauss_hermite(3), 5) == 243);
  const quadrature::Rule short_of_one{{-1, 0, 1}, {0.5, 0.5}};
  CHECK(contains(message_of([&] { decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = 1, .rule = short_of_one}); }),
                 "3 nodes with 2 weights"));
}

TEST_CASE("as many samples are drawn as were asked for") {
  const Score score = [](const Tensor& xt) { return -xt; };
  for (const int64_t n : {2, 63, 100, 101, 20011})
    CHECK(decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = 1, .samples = n}, Key(1)).samples == n);
  // Blocks of two sizes: the error is that of a mean over all samples.
  const Decomposition d = decompose(score, InputDistribution{Gaussian::standard(1, f64)}, {.sigma = 1, .samples = 100}, Key(1));
  CHECK(d.blocks == 64);
  CHECK((d.c3.value.error > 0.02 && d.c3.value.error < 0.2));  // eps^2 / 2 has deviation 1 / sqrt(2)
}

TEST_CASE("distillation's gradients reach the weights of a mixture and of data: those of the cross-entropy and the divergence") {
  const Tensor w = from({0.2, -0.5, 0.1}, f64).requires_grad();
  const double sigma = 0.5;
  const Mixture model = Mixture{from({0.3, 0}, f64), from({-1.5, 1.2}, {2, 1}, f64), from({0.6, 0.9}, {2, 1, 1}, f64)}.noised(1, sigma);
  const Score score = [&](const Tensor& xt) { return model.score(xt); };
  const Tensor centres = from({-2, 0.4, 1.9}, {3, 1}, f64);
  const auto check = [&](const AnyDistribution& law, const std::function<Mixture()>& noised) {
    const Tensor x = reshape(linspace(-14, 14, 20001, f64), {20001, 1});
    const Mixture q = noised();
    const Tensor log_q = q.log_density(x), p = exp(log_q) * (28.0 / 20000);
    const Tensor cross = grad(-sum(p * model.log_density(x)), w), divergence = grad(sum(p * (log_q - model.log_density(x))), w);
    const Decomposition d = decompose(score, InputDistribution{law}, {.sigma = sigma, .wrt = {{"w", w}}});
    CHECK(max(abs(cross)).item() > 0.05);
    CHECK(apart(d.sds.gradient.at("w").total.mean[0], cross) < 1e-10);
    CHECK(apart(d.vsd.gradient.at("w").total.mean[0], divergence) < 1e-10);
    return cross;
  };
  const Mixture law{w, centres, from({0.4, 0.7, 0.2}, {3, 1, 1}, f64)};
  const Tensor cross = check(law, [&] { return law.noised(1, sigma); });
  check(FiniteData{centres, w}, [&] { return Mixture{w, centres, full({3, 1, 1}, sigma, f64)}; });
  const Decomposition drawn = decompose(score, InputDistribution{law}, {.sigma = sigma, .samples = 4000, .wrt = {{"w", w}}}, Key(5));
  const Gradient& g = drawn.sds.gradient.at("w").total;
  CHECK(max(abs(g.mean[0] - cross) - 5 * g.error[0]).item() < 0);
  CHECK(max(g.error[0]).item() < 0.1);
}
