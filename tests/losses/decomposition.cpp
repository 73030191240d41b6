#include "losses/decomposition.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include "autograd/graph/gradient.h"
#include "losses/score_matching.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
using namespace scoregrad::losses;

namespace {

const Options f64{.dtype = float64};

nn::MLP network(int64_t in, int64_t out) { return nn::MLP({in, 6, out}, nn::tanh, Key(17).fold("net"), f64); }
ConditionalScore conditional(const nn::MLP& net) {
  return [net](const Tensor& xt, const Tensor& c) { return net(concat({xt, c}, 1)); };
}

// A mixture in one dimension of which everything depends on c.   c [2]
Mixture mixture_at(const Tensor& c) {
  const Tensor c0 = select(c, 0, 0), c1 = select(c, 0, 1);
  return {stack({c0, 0.5 * c1}), reshape(stack({c0 - 1, c1 * c1 + 0.7}), {2, 1}),
          reshape(stack({0.5 + 0.2 * c1, exp(0.3 * c0)}), {2, 1, 1})};
}

const Tensor data = from({0.2, -2.8, -0.7, 0.4, 1.5, 0.9}, {3, 2}, f64);

double total(const Term& t, const char* name, int64_t i = 0) {
  return t.gradient.at(name).total.mean[0].to_vector<double>()[static_cast<size_t>(i)];
}
double part(const Term& t, const char* name, const char* path, int64_t i = 0) {
  return t.gradient.at(name).along(path).mean[0].to_vector<double>()[static_cast<size_t>(i)];
}

}  // namespace

TEST_CASE("generated data: the identity holds in value and gradient, and its parts lie on the paths that the theorem names") {
  const Tensor c = from({0.3, -0.4}, f64).requires_grad();
  const nn::MLP net = network(3, 1);
  const Decomposition d =
      decompose(conditional(net), Generated{c, mixture_at(c)}, {.sigma = 0.6, .alpha = 0.9, .wrt = {{"c", c}, {"theta", net}}});
  REQUIRE(d.exact);
  CHECK(std::abs(d.residual.value.mean) < 1e-13);
  CHECK(apart(d.c3.value.mean, 1 / (2 * 0.36)) < 1e-13);
  CHECK(apart(d.dsm.value.mean, d.ism.value.mean + d.c3.value.mean) < 1e-12);
  CHECK((0 < d.c2.value.mean && d.c2.value.mean < d.c3.value.mean));
  for (int64_t i = 0; i < 2; ++i) {
    CHECK(std::abs(total(d.residual, "c", i)) < 1e-12);
    CHECK(apart(total(d.dsm, "c", i), total(d.ism, "c", i)) < 1e-12);
    CHECK(apart(part(d.dsm, "c", "net", i), part(d.esm, "c", "net", i)) < 1e-12);
    CHECK(apart(part(d.dsm, "c", "dist", i), part(d.ism, "c", "dist", i)) < 1e-12);
    CHECK(apart(part(d.dsm, "c", "dist", i), part(d.esm, "c", "dist", i)) > 1e-3);
    CHECK(apart(part(d.esm, "c", "net", i) + part(d.esm, "c", "dist", i) + part(d.esm, "c", "target", i), total(d.esm, "c", i)) < 1e-13);
    CHECK(apart(part(d.c2, "c", "dist", i) + part(d.c2, "c", "target", i), total(d.esm, "c", i) - total(d.dsm, "c", i)) < 1e-12);
    CHECK(std::abs(total(d.c2, "c", i)) > 1e-3);
  }
  CHECK(d.dsm.gradient.at("c").by_path.count("target") == 0);
  CHECK(d.ism.gradient.at("c").by_path.count("target") == 0);
  const PathGradient &a = d.dsm.gradient.at("theta"), &b = d.esm.gradient.at("theta"), &e = d.ism.gradient.at("theta");
  REQUIRE(a.total.mean.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(apart(a.total.mean[i], b.total.mean[i]) < 1e-12);
    CHECK(apart(a.total.mean[i], e.total.mean[i]) < 1e-12);
  }
}

TEST_CASE("the exact losses are those of a plain sum over the product of x and eps, and their gradients central differences") {
  const double sigma = 0.6, alpha = 0.9;
  const nn::MLP net = network(3, 1);
  const auto losses_at = [&](const Tensor& c, const Tensor& c_net) {  // DSM and ESM without the library's draws
    const quadrature::Nodes n = quadrature::product(quadrature::trapezoid(8, 0.1), 2, f64);
    const Mixture law = mixture_at(c);
    const Tensor z = slice_axis(n.z, 1, 0, 1), eps = slice_axis(n.z, 1, 1, 2), w = exp(law.log_probabilities());
    Tensor denoising = scalar(0, f64), explicit_ = denoising;
    for (int64_t k = 0; k < 2; ++k) {
      const Tensor xt = alpha * (select(law.means, 0, k) + z * select(law.factors, 0, k)) + sigma * eps;
      const Tensor s = net(concat({xt, broadcast_to(c_net, {xt.extent(0), 2})}, 1));
      denoising = denoising + select(w, 0, k) * sum(n.weights * dsm(s, eps, sigma));
      explicit_ = explicit_ + select(w, 0, k) * sum(n.weights * esm(s, law.noised(alpha, sigma).score(xt)));
    }
    return std::pair{denoising.item(), explicit_.item()};
  };
  const Tensor c = from({0.3, -0.4}, f64).requires_grad();
  const Decomposition d = decompose(conditional(net), Generated{c, mixture_at(c)}, {.sigma = sigma, .alpha = alpha, .wrt = {{"c", c}}});
  const NoGrad guard;
  const auto [denoising, explicit_] = losses_at(c, c);
  CHECK(apart(d.dsm.value.mean, denoising) < 1e-12);
  CHECK(apart(d.esm.value.mean, explicit_) < 1e-12);
  const double h = 1e-5;
  const Tensor step = from({h, 0}, f64);
  const auto up = losses_at(c + step, c + step), down = losses_at(c - step, c - step);
  CHECK(apart(total(d.dsm, "c"), (up.first - down.first) / (2 * h)) < 1e-8);
  CHECK(apart(total(d.esm, "c"), (up.second - down.second) / (2 * h)) < 1e-8);
  const auto up_net = losses_at(c, c + step), down_net = losses_at(c, c - step);
  CHECK(apart(part(d.dsm, "c", "net"), (up_net.first - down_net.first) / (2 * h)) < 1e-8);
  const auto up_law = losses_at(c + step, c), down_law = losses_at(c - step, c);
  CHECK(apart(part(d.dsm, "c", "dist"), (up_law.first - down_law.first) / (2 * h)) < 1e-8);
}

TEST_CASE("generated in two dimensions: full covariances, several conditions, a level for each") {
  const Tensor c = from({0.3, -0.8}, {2, 1}, f64).requires_grad(), sigma = from({0.6, 0.9}, f64);
  const nn::MLP net = network(3, 2);
  const auto law = [](const Tensor& at) {  // at [.., 1]
    const Tensor a = unsqueeze(at, -1);    // [.., 1, 1]
    return Mixture{at * from({0.7, -0.2}, f64), a * from({1, -1, 0.5, 2}, {2, 2}, f64) + from({0, 1, -1, 0}, {2, 2}, f64),
                   unsqueeze(a, -1) * from({0, 0, 0.4, 0}, {2, 2}, f64) + broadcast_to(from({0.8, 0, 0.3, 0.6}, {2, 2}, f64), {2, 2, 2})};
  };
  const quadrature::Rule rule = quadrature::trapezoid(8, 0.25);
  const Decomposition both =
      decompose(conditional(net), Generated{c, law(c)}, {.sigma = sigma, .rule = rule, .wrt = {{"c", c}}, .block = 1000});
  CHECK(std::abs(both.residual.value.mean) < 1e-12);
  double dsm_mean = 0, esm_mean = 0;
  for (int64_t j = 0; j < 2; ++j) {
    const Tensor one = select(c, 0, j).detach().requires_grad();
    const Decomposition d =
        decompose(conditional(net), Generated{one, law(one)}, {.sigma = j == 0 ? 0.6 : 0.9, .rule = rule, .wrt = {{"c", one}}});
    dsm_mean += d.dsm.value.mean / 2;
    esm_mean += d.esm.value.mean / 2;
    CHECK(apart(total(both.dsm, "c", j), total(d.dsm, "c") / 2) < 1e-11);
    CHECK(apart(part(both.esm, "c", "target", j), part(d.esm, "c", "target") / 2) < 1e-11);
    CHECK(std::abs(total(d.residual, "c")) < 1e-11);
  }
  CHECK(apart(both.dsm.value.mean, dsm_mean) < 1e-12);
  CHECK(apart(both.esm.value.mean, esm_mean) < 1e-12);
}

TEST_CASE("a noisy encoder: phi reaches DSM through the network alone, ESM also through c and the weights inside its target") {
  const Tensor phi = from({0.7, -0.4}, {2, 1}, f64).requires_grad();
  const nn::MLP net = network(3, 2);
  const NoisyEncoder q{.data = {data}, .encode = [&](const Tensor& x) { return tanh(matmul(x, phi)); }, .tau = 0.5};
  const Decomposition d = decompose(conditional(net), q, {.sigma = 0.8, .rule = quadrature::trapezoid(7, 0.35), .wrt = {{"phi", phi}}});
  CHECK(std::abs(d.residual.value.mean) < 1e-10);
  for (int64_t i = 0; i < 2; ++i) {
    CHECK(std::abs(total(d.residual, "phi", i)) < 1e-7);  // the coarse rule's error
    CHECK(apart(part(d.dsm, "phi", "net", i), total(d.dsm, "phi", i)) == 0);
    CHECK(apart(total(d.dsm, "phi", i), total(d.ism, "phi", i)) < 1e-7);
    CHECK(apart(part(d.esm, "phi", "net", i), part(d.dsm, "phi", "net", i)) > 1e-3);  // phi's code is correlated with the target
    CHECK(std::abs(part(d.esm, "phi", "target_c", i)) > 1e-3);
    CHECK(std::abs(part(d.esm, "phi", "target_w", i)) > 1e-3);
    CHECK(apart(part(d.esm, "phi", "net", i) + part(d.esm, "phi", "target_c", i) + part(d.esm, "phi", "target_w", i),
                total(d.esm, "phi", i)) < 1e-13);
  }
  // Envelope: grad C2 is minus the denoising gradient of the exact score, frozen as a function.
  const Tensor codes = q.codes().detach();
  const NoisyEncoder frozen{.data = {data}, .encode = [&](const Tensor&) { return codes; }, .tau = 0.5};
  const auto exact_score = [&](const Tensor& xt, const Tensor& c) { return frozen.score(xt, c, codes, 1, 0.8); };
  const Decomposition e =
      decompose(exact_score, q, {.sigma = 0.8, .rule = quadrature::trapezoid(7, 0.35), .wrt = {{"phi", phi}}, .trace = Trace::none});
  for (int64_t i = 0; i < 2; ++i) CHECK(apart(total(e.dsm, "phi", i), -total(d.c2, "phi", i)) < 1e-7);
  CHECK(std::abs(e.esm.value.mean) < 1e-14);
}

TEST_CASE("where no information is lost or the data stay as they are, there is no bias") {
  const nn::MLP net = network(3, 2);
  const quadrature::Rule rule = quadrature::trapezoid(7, 0.35);
  SECTION("a noiseless code that tells the data apart") {
    const Tensor phi = from({0.7, -0.4}, {2, 1}, f64).requires_grad();
    const NoisyEncoder q{.data = {data}, .encode = [&](const Tensor& x) { return matmul(x, phi); }, .tau = 0.0};
    const Decomposition d = decompose(conditional(net), q, {.sigma = 0.8, .rule = rule, .wrt = {{"phi", phi}}, .trace = Trace::none});
    CHECK(apart(d.c2.value.mean, d.c3.value.mean) < 1e-12);
    CHECK(apart(d.dsm.value.mean, d.esm.value.mean) < 1e-12);
    CHECK(apart(total(d.dsm, "phi"), total(d.esm, "phi")) < 1e-12);
    CHECK(std::abs(total(d.dsm, "phi")) > 1e-3);
  }
  SECTION("a free condition") {
    const Tensor c = from({0.4}, f64).requires_grad();
    const Decomposition d =
        decompose(conditional(net), FreeCondition{c, FiniteData{data + 0 * c}}, {.sigma = 0.8, .rule = rule, .wrt = {{"c", c}}});
    CHECK(total(d.c2, "c") == 0);
    CHECK(std::abs(total(d.residual, "c")) < 1e-7);  // the coarse rule's error
    CHECK(std::abs(total(d.dsm, "c")) > 1e-3);
    CHECK(d.esm.gradient.at("c").by_path.size() == 1);
  }
  SECTION("a law that only moves") {
    const Tensor c = from({0.4}, f64).requires_grad();
    const Mixture shape{from({1, -1}, f64), from({-1, 1, 1, 0.5}, {2, 2}, f64), broadcast_to(0.5 * eye(2, f64), {2, 2, 2})};
    const Decomposition d = decompose(conditional(net), Generated{c, Mixture{shape.log_weights, shape.means + c * c, shape.factors}},
                                      {.sigma = 0.8, .rule = rule, .wrt = {{"c", c}}});
    CHECK(std::abs(total(d.c2, "c")) < 1e-12);
    CHECK(std::abs(part(d.c2, "c", "dist")) > 1e-3);  // each path alone is not zero
  }
}

TEST_CASE("a noise level that depends on c gives C3 a gradient, and the identity keeps it") {
  const Tensor c = from({0.3}, f64).requires_grad();
  const Tensor sigma = 0.7 * exp(0.5 * select(c, 0, 0));
  const nn::MLP net = network(2, 1);
  const Gaussian law{c * 2, from({0.8}, {1, 1}, f64)};
  const Decomposition d = decompose(conditional(net), Generated{c, law}, {.sigma = sigma, .wrt = {{"c", c}}});
  const double s = sigma.item();
  CHECK(apart(total(d.c3, "c"), -0.5 / (s * s)) < 1e-12);
  CHECK(std::abs(total(d.residual, "c")) < 1e-12);
}

TEST_CASE("Monte Carlo agrees with the exact sum within its own error, and its residual is paired") {
  const Tensor phi = scalar(0.8, f64).requires_grad();
  const nn::MLP net = network(2, 1);
  const LinearEncoder q{.data = Gaussian::standard(1, f64), .gain = phi, .tau = 0.5};
  const Decomposition exact =
      decompose(conditional(net), q, {.sigma = 0.7, .rule = quadrature::trapezoid(7, 0.35), .wrt = {{"phi", phi}, {"theta", net}}});
  const Decomposition sampled =
      decompose(conditional(net), q, {.sigma = 0.7, .samples = 20000, .wrt = {{"phi", phi}, {"theta", net}}}, Key(3));
  CHECK(sampled.blocks == 64);
  CHECK(sampled.samples >= 20000);
  for (auto member :
       {&Decomposition::dsm, &Decomposition::esm, &Decomposition::ism, &Decomposition::c2, &Decomposition::c3, &Decomposition::residual}) {
    const Term &a = sampled.*member, &b = exact.*member;
    CHECK(a.value.error > 0);
    CHECK(std::abs(a.value.mean - b.value.mean) < 5 * a.value.error);
    const Gradient &ga = a.gradient.at("phi").total, &gb = b.gradient.at("phi").total;
    CHECK(std::abs(ga.mean[0].item() - gb.mean[0].item()) <= 5 * ga.error[0].item());
    const Tensor z =
        abs(a.gradient.at("theta").total.mean[0] - b.gradient.at("theta").total.mean[0]) - 6 * a.gradient.at("theta").total.error[0];
    CHECK(max(z).item() <= 1e-13);
  }
  CHECK(sampled.residual.value.error < 0.2 * sampled.dsm.value.error);  // what the terms share cancels
}

TEST_CASE("sampled mixtures and data sets agree with their exact sums") {
  const Tensor c = from({0.3, -0.4}, f64).requires_grad();
  const nn::MLP net = network(3, 1);
  const Decomposition a = decompose(conditional(net), Generated{c, mixture_at(c)}, {.sigma = 0.6, .wrt = {{"c", c}}});
  const Decomposition b =
      decompose(conditional(net), Generated{c, mixture_at(c)}, {.sigma = 0.6, .samples = 20000, .wrt = {{"c", c}}}, Key(1));
  for (int64_t i = 0; i < 2; ++i) {
    const double error = b.dsm.gradient.at("c").total.error[0].to_vector<double>()[static_cast<size_t>(i)];
    CHECK(std::abs(total(a.dsm, "c", i) - total(b.dsm, "c", i)) < 5 * error);
  }
  const Score frozen = [](const Tensor& xt) { return -0.5 * xt; };
  const Tensor points = data.detach().requires_grad();
  const InputDistribution p{FiniteData{points, from({0.1, 0.5, -0.3}, f64)}};
  const Decomposition e = decompose(frozen, p, {.sigma = 0.9, .rule = quadrature::trapezoid(8, 0.4), .wrt = {{"x", points}}});
  const Decomposition f = decompose(frozen, p, {.sigma = 0.9, .samples = 20000, .wrt = {{"x", points}}}, Key(2));
  for (auto member : {&Decomposition::dsm, &Decomposition::esm, &Decomposition::sds, &Decomposition::vsd}) {
    const Gradient &ge = (e.*member).gradient.at("x").total, &gf = (f.*member).gradient.at("x").total;
    CHECK(max(abs(ge.mean[0] - gf.mean[0]) - 5 * gf.error[0]).item() < 0);
  }
}

TEST_CASE("the sum does not depend on how it is cut into blocks, and can be stopped") {
  const nn::MLP net = network(2, 1);
  const Gaussian law{from({0.4}, f64), from({0.8}, {1, 1}, f64)};
  const Generated setup{from({0.2}, f64), law};
  const Decomposition a = decompose(conditional(net), setup, {.sigma = 0.7}),
                      b = decompose(conditional(net), setup, {.sigma = 0.7, .block = 10});
  CHECK(b.blocks > a.blocks);
  CHECK(apart(a.dsm.value.mean, b.dsm.value.mean) < 1e-14);
  double seen = 0;
  const auto until = [&](double fraction) {
    seen = fraction;
    return fraction < 0.5;
  };
  const Decomposition c = decompose(conditional(net), setup, {.sigma = 0.7, .samples = 6400, .progress = until}, Key(1));
  CHECK(seen >= 0.5);
  CHECK(c.samples == 3200);
  CHECK_THROWS_AS(decompose(conditional(net), setup, {.sigma = 0.7, .block = 10, .progress = until}), Error);
}

TEST_CASE("a set-up or an option that cannot be right is refused") {
  const nn::MLP net = network(2, 1);
  const Gaussian law = Gaussian::standard(1, f64);
  const Tensor c = from({0.2}, f64);
  CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = 0.7, .samples = 1}), Error);
  CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = 0.7, .trace = Trace::sliced}), Error);
  CHECK_THROWS_AS(decompose(conditional(net), Generated{from({1, 2}, {2, 1}, f64), law}, {.sigma = 0.7}), Error);
  try {
    decompose(conditional(net), Generated{c, law}, {.sigma = 0.7, .samples = -5});
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.where().line == __LINE__ - 3);
  }
  CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = 0.7, .wrt = {{"c", c}}}), Error);  // c requires no gradient
  CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = 0.7, .wrt = {{"net", net}, {"net", net}}}), Error);
  for (double sigma : {0.0, -1.0, std::nan(""), double{INFINITY}})
    CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = sigma}), Error);
  CHECK_THROWS_AS(decompose(conditional(net), Generated{c, law}, {.sigma = zeros({3}, f64)}), Error);
  const auto narrow_score = [](const Tensor& xt, const Tensor&) { return sum(xt, {1}); };
  CHECK_THROWS_AS(decompose(narrow_score, Generated{c, law}, {.sigma = 0.7}), Error);
  const Tensor w = zeros({3}, f64).requires_grad();
  const Score frozen = [](const Tensor& xt) { return -xt; };
  CHECK_THROWS_AS(decompose(frozen, InputDistribution{FiniteData{data, w}}, {.sigma = 1, .samples = 100, .wrt = {{"w", w}}}), Error);
}

TEST_CASE("a decomposition prints as a table: the identity first, then each gradient by path") {
  const Tensor phi = scalar(0.8).requires_grad();
  const nn::MLP net({2, 4, 1}, nn::silu, Key(1));
  const LinearEncoder q{.data = Gaussian::standard(1), .gain = phi, .tau = 0.5};
  const std::string text =
      to_string(decompose(conditional(net), q, {.sigma = 0.7, .samples = 640, .wrt = {{"phi", phi}, {"theta", net}}}, Key(5)));
  for (const char* word :
       {"DSM", "= ESM", "- C2", "+ C3", "rest", "640 samples", "d/d phi", "|d/d theta|", "net", "target_c", "target_w", "+-"}) {
    CAPTURE(word, text);
    CHECK(text.find(word) != std::string::npos);
  }
}

TEST_CASE("a grid of noise levels is each of them, with common random numbers") {
  const Tensor phi = scalar(0.8, f64).requires_grad();
  const LinearEncoder q{.data = Gaussian::standard(1, f64), .gain = phi, .tau = 0.5};
  const auto at = [](double sigma) { return [sigma](const Tensor& xt, const Tensor& c) { return (c - xt) / (1 + sigma * sigma); }; };
  const std::vector<Decomposition> grid = losses::decompose_over({0.5, 1.5}, at, q, {.samples = 640, .wrt = {{"phi", phi}}}, Key(4));
  REQUIRE(grid.size() == 2);
  const Decomposition one = decompose(at(1.5), q, {.sigma = 1.5, .samples = 640, .wrt = {{"phi", phi}}}, Key(4));
  CHECK(grid[1].sigma == 1.5);
  CHECK(grid[1].dsm.value.mean == one.dsm.value.mean);
  CHECK(total(grid[1].esm, "phi") == total(one.esm, "phi"));
  CHECK(grid[0].c3.value.mean > grid[1].c3.value.mean);
}

TEST_CASE("sampled directions give the implicit loss within its error, float32 everything within its own") {
  const Tensor c = from({0.3}).requires_grad();
  const nn::MLP net({3, 6, 2}, nn::tanh, Key(17));
  const Generated setup{c, Gaussian{concat({c, 0 - c}, 0), from({0.8, 0, 0.3, 0.6}, {2, 2})}};
  const quadrature::Rule rule = quadrature::trapezoid(6, 0.4);
  const Decomposition exact = decompose(conditional(net), setup, {.sigma = 0.7, .rule = rule, .wrt = {{"c", c}}});
  CHECK(std::abs(exact.residual.value.mean) < 1e-5);
  const Decomposition sliced =
      decompose(conditional(net), setup, {.sigma = 0.7, .samples = 20000, .wrt = {{"c", c}}, .trace = Trace::sliced}, Key(8));
  CHECK(std::abs(sliced.ism.value.mean - exact.ism.value.mean) < 5 * sliced.ism.value.error);
  CHECK(std::abs(total(sliced.ism, "c") - total(exact.ism, "c")) < 5 * sliced.ism.gradient.at("c").total.error[0].item());
}

TEST_CASE("decompose differentiates even where the caller records nothing") {
  const Tensor phi = scalar(0.8, f64).requires_grad();
  const LinearEncoder q{.data = Gaussian::standard(1, f64), .gain = phi, .tau = 0.5};
  const nn::MLP net = network(2, 1);
  const auto run = [&] { return decompose(conditional(net), q, {.sigma = 0.7, .samples = 64, .wrt = {{"phi", phi}}}, Key(4)); };
  const Decomposition recording = run();
  const NoGrad guard;
  CHECK(total(run().esm, "phi") == total(recording.esm, "phi"));
}

TEST_CASE("a decomposition saves as a page with its losses and one figure a gradient") {
  const Tensor phi = scalar(0.8, f64).requires_grad();
  const LinearEncoder q{.data = Gaussian::standard(1, f64), .gain = phi, .tau = 0.5};
  const auto score = [](const Tensor& xt, const Tensor& c) { return -0.6 * xt + 0.4 * c; };
  const Decomposition d = decompose(score, q, {.sigma = 0.7, .rule = quadrature::gauss_hermite(4), .wrt = {{"phi", phi}}});
  const std::string path = (std::filesystem::temp_directory_path() / "scoregrad-decomposition.html").string();
  d.save(path);
  std::ifstream in(path);
  const std::string html((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (const char* part : {"0.567808", "0.195993", "The gradient for phi", "target_w", "0.377504"}) {
    CAPTURE(part);
    CHECK(html.find(part) != std::string::npos);
  }
  std::filesystem::remove(path);
  CHECK_THROWS_AS(d.save("/nowhere/at/all.html"), Error);
}
