// Theorem 2 where x is given and the condition is learnt, c = f(x) + tau eta: phi reaches DSM through the network's argument alone, and ESM
// through the target as well. First everything Gaussian, in closed form; then a finite data set and networks for encoder and score.
#include <cmath>

#include "examples/verify/families.h"
#include "losses/closed_form.h"
#include "losses/decomposition_page.h"
#include "nn/mlp.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

Values total(const Term& t, const char* group = "phi") { return Values(t.gradient.at(group).total); }
Values along(const Term& t, const char* path) { return Values(t.gradient.at("phi").along(path)); }
Values targets(const Term& t) { return joined({along(t, "target_c"), along(t, "target_w")}); }

// ---- Gaussian ----------------------------------------------------------------------------------------------------------------------
constexpr double sigma = 0.8, tau = 0.6;

struct Linear {
  Tensor root, phi, W, V, u;  // x ~ N(0, root root'), s = W x_t + V c + u
};
Linear linear(Options o) {
  return {from({1.1, 0, 0.4, 0.7}, {2, 2}, o), from({0.7, -0.5}, {1, 2}, o).requires_grad(),
          from({-0.6, 0.1, 0.2, -0.8}, {2, 2}, o).requires_grad(), from({0.5, -0.3}, {2, 1}, o).requires_grad(),
          from({0.1, 0.2}, o).requires_grad()};
}
closed_form::Encoder formulas() {
  const Linear k = linear({float64});
  const NoGrad off;
  return closed_form::encoder({k.W, k.V, k.u}, matmul(k.root, transpose(k.root)), k.phi, tau, 1, sigma);
}

void gaussian_encoder(Run& run) {
  const Linear k = linear(run.options());
  const LinearEncoder setup{{zeros({2}, run.options()), k.root}, k.phi, tau};
  const auto score = [&](const Tensor& xt, const Tensor& c) { return matmul(xt, transpose(k.W)) + matmul(c, transpose(k.V)) + k.u; };
  const DecomposeOptions exact_rule{.sigma = sigma,
                                    .rule = quadrature::gauss_hermite(3),
                                    .wrt = {{"phi", k.phi}, {"theta", Tensors{k.W, k.V, k.u}}},
                                    .progress = run.watcher()};
  DecomposeOptions by_chance = exact_rule;
  by_chance.samples = run.samples();
  by_chance.block = run.block();
  const auto hand = once([] { return formulas(); });
  const auto exact = once([&] { return decompose(score, setup, exact_rule); });
  const auto drawn = once([&] { return decompose(score, setup, by_chance, run.key("encoder")); });
  const Kind exactly = Kind::closed_form;

  run.statement("encoder/gaussian-losses", "DSM, ESM and C2 in value (x and c Gaussian)")
      .from("formulas", exactly,
            [&] {
              return joined({hand().value.dsm, hand().value.esm, hand().value.c2});
            })
      .equals("quadrature", exactly,
              [&] {
                return joined({exact().dsm.value, exact().esm.value, exact().c2.value});
              })
      .equals("Monte Carlo", exactly, [&] {
        return joined({drawn().dsm.value, drawn().esm.value, drawn().c2.value}).of(drawn());
      });
  run.statement("encoder/gaussian-theta", "Theorem 1 holds: ∇θ DSM = ∇θ ESM = ∇θ ISM")
      .from("formula", exactly,
            [&] {
              return joined({hand().theta.w, hand().theta.v, hand().theta.u});
            })
      .equals("DSM, quadrature", exactly, [&] { return total(exact().dsm, "theta"); })
      .equals("ESM, quadrature", exactly, [&] { return total(exact().esm, "theta"); })
      .equals("ISM, quadrature", exactly, [&] { return total(exact().ism, "theta"); })
      .equals("DSM, Monte Carlo", exactly, [&] { return total(drawn().dsm, "theta").of(drawn()); });
  run.statement("encoder/gaussian-dsm", "∇φ DSM has the network path alone")
      .from("formula", exactly, [&] { return Values(hand().dsm); })
      .equals("net path, quadrature", exactly, [&] { return along(exact().dsm, "net"); })
      .equals("total, quadrature", exactly, [&] { return total(exact().dsm); })
      .equals("ISM's total, quadrature", exactly, [&] { return total(exact().ism); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().dsm).of(drawn()); })
      .differs("ESM's net path", [&] { return along(exact().esm, "net"); });
  run.statement("encoder/gaussian-paths", "ESM: the net path, c inside s*, and φ in the posterior inside s*")
      .from("formulas", exactly,
            [&] {
              return joined({hand().esm_net, hand().esm_target_c, hand().esm_target_w});
            })
      .equals("quadrature", exactly,
              [&] {
                return joined({along(exact().esm, "net"), targets(exact().esm)});
              })
      .equals("Monte Carlo", exactly, [&] {
        return joined({along(drawn().esm, "net"), targets(drawn().esm)}).of(drawn());
      });
  run.statement("encoder/gaussian-bias", "Theorem 2: ∇φ ESM − ∇φ DSM = ∇φ C2 ≠ 0")
      .from("formula for ∇φ C2", exactly, [&] { return Values(hand().c2); })
      .equals("∇φ C2, quadrature", exactly, [&] { return total(exact().c2); })
      .equals("quadrature", exactly, [&] { return total(exact().esm) - total(exact().dsm); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().esm).of(drawn()) - total(drawn().dsm).of(drawn()); })
      .differs("zero", [] {
        return Values{0, 0};
      });
}

// ---- a finite data set and networks ----------------------------------------------------------------------------------------------------
struct Empirical {
  FiniteData data;
  nn::MLP encode, net;
  Tensor gain;  // of the code, 1
};
nn::MLP network(const std::vector<int64_t>& widths, const Key& key, Options o) {
  std::vector<nn::Linear> layers;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const double scale = 1 / std::sqrt(static_cast<double>(widths[i]));
    layers.emplace_back((scale * normal({widths[i + 1], widths[i]}, key.fold(2 * i), {float64})).to(o.dtype).requires_grad(),
                        (0.3 * normal({widths[i + 1]}, key.fold(2 * i + 1), {float64})).to(o.dtype).requires_grad());
  }
  return {std::move(layers), nn::tanh};
}
Empirical empirical(Options o) {
  const Key key(7);
  return {{normal({5, 1}, key.fold("x"), {float64}).to(o.dtype), from({0.3, -0.2, 0.1, 0.4, -0.5}, o)},
          network({1, 5, 1}, key.fold("encoder"), o),
          network({2, 10, 1}, key.fold("score"), o),
          ones({}, o).requires_grad()};
}

// The integrals written out with the posterior r_i = p(x_i | x_t, c), over every datum and a grid of (eta, eps).
struct WrittenOut {
  double dsm, esm, c2, gain;
  Values dsm_phi, net_phi, c2_phi;
};
WrittenOut written_out(const Empirical& k, const quadrature::Rule& rule, Options o) {
  const auto nodes = quadrature::product(rule, 2, o);
  const int64_t n = k.data.count(), q = nodes.z.extent(0);
  const Tensors phi = nn::parameters(k.encode);
  const Tensor codes = k.encode(k.data.points), f = codes.detach();
  const auto rows = [&](const Tensor& t) { return reshape(t, {n * q, 1}); };
  const Tensor weight = reshape(unsqueeze(exp(k.data.log_probabilities()), 1) * nodes.weights, {n * q});
  const Tensor xt = rows(k.data.points + sigma * unsqueeze(select(nodes.z, 1, 1), 0));
  const Tensor c = rows(f + tau * unsqueeze(select(nodes.z, 1, 0), 0)).requires_grad();
  const Tensor t = rows(-(broadcast_to(unsqueeze(select(nodes.z, 1, 1), 0), {n, q}) / sigma));
  Tensor r;
  {
    const NoGrad off;
    r = softmax(k.data.log_probabilities() - 0.5 * square((c - transpose(f)) / tau) - 0.5 * square((xt - transpose(k.data.points)) / sigma),
                -1);
  }
  const Tensor ts = (transpose(k.data.points) - xt) / (sigma * sigma);                    // [N, n]
  const Tensor target = sum(r * ts, {1}, true), code = sum(r * transpose(f), {1}, true);  // [N, 1]
  const Tensor cov = sum(r * (ts - target) * (transpose(f) - code), {1}, true);           // Cov(t, f | x_t, c)
  const Tensor s = k.net(concat({xt, c}, 1));
  const Tensor ds = grad(s, c, {.seed = ones_like(s)}), s_ = s.detach();
  // E[g df/dphi] for g by row: codes are what depends on phi.
  const auto to_phi = [&](const Tensor& g) {
    const Tensor by_datum = sum(reshape(unsqueeze(weight, 1) * g, {n, q}), {1}, true);
    return Values(grad(codes, phi, {.seed = by_datum}));
  };
  const auto mean_of = [&](const Tensor& per_row) { return sum(unsqueeze(weight, 1) * per_row).item(); };
  return {mean_of(0.5 * square(s_ - t)),
          mean_of(0.5 * square(s_ - target)),
          mean_of(0.5 * square(target)),
          mean_of(square(cov)) / (tau * tau),
          to_phi((s_ - t) * ds),
          to_phi((s_ - target) * ds),
          -1 * to_phi((target - t) * cov / (tau * tau))};
}

void finite_data(Run& run) {
  const Empirical k = empirical(run.options());
  const Tensors phi = nn::parameters(k.encode), theta = nn::parameters(k.net);
  const NoisyEncoder setup{k.data, [&](const Tensor& x) { return k.gain * k.encode(x); }, tau};
  const auto score = [&](const Tensor& xt, const Tensor& c) { return k.net(concat({xt, c}, 1)); };
  const quadrature::Rule rule = quadrature::trapezoid(9, 0.15);
  const DecomposeOptions exact_rule{
      .sigma = sigma, .rule = rule, .wrt = {{"phi", phi}, {"theta", theta}, {"gain", k.gain}}, .progress = run.watcher()};
  DecomposeOptions by_chance = exact_rule;
  by_chance.samples = run.samples() / 2;
  by_chance.block = run.block();
  const auto exact = once([&] { return decompose(score, setup, exact_rule); });
  const auto drawn = once([&] { return decompose(score, setup, by_chance, run.key("finite")); });
  const auto written = once([&] { return written_out(k, rule, run.options()); });
  const Kind q = Kind::quadrature;

  run.statement("encoder/finite-losses", "DSM, ESM and C2 in value (five data, networks for encoder and score)")
      .from("decomposition, exact", q,
            [&] {
              return joined({exact().dsm.value, exact().esm.value, exact().c2.value});
            })
      .equals("written out", q,
              [&] {
                return Values{written().dsm, written().esm, written().c2};
              })
      .equals("Monte Carlo", q, [&] {
        return joined({drawn().dsm.value, drawn().esm.value, drawn().c2.value}).of(drawn());
      });
  run.statement("encoder/finite-identity", "DSM − (ESM − C2 + C3) = 0")
      .from("zero", q, [] { return Values(0.0); })
      .equals("exact", q, [&] { return Values(exact().residual.value); })
      .equals("Monte Carlo", q, [&] { return Values(drawn().residual.value).of(drawn()); });
  run.statement("encoder/finite-bound", "0 ≤ C2 ≤ C3").from("C3", q, [&] { return Values(exact().c3.value); }).at_most("C2", [&] {
    return Values(exact().c2.value);
  });
  run.statement("encoder/finite-mmse", "DSM − ESM = C3 − C2 ≥ 0: the denoising error")
      .from("DSM − ESM", q, [&] { return Values(exact().dsm.value) - exact().esm.value; })
      .equals("C3 − C2", q, [&] { return Values(exact().c3.value) - exact().c2.value; })
      .at_most("zero", [] { return Values(0.0); });
  run.statement("encoder/finite-theta", "Theorem 1: ∇θ DSM = ∇θ ESM = ∇θ ISM for all weights of the network")
      .from("DSM", q, [&] { return total(exact().dsm, "theta"); })
      .equals("ESM", q, [&] { return total(exact().esm, "theta"); })
      .equals("ISM", q, [&] { return total(exact().ism, "theta"); })
      .equals("DSM, Monte Carlo", q, [&] { return total(drawn().dsm, "theta").of(drawn()); });
  run.statement("encoder/finite-dsm", "∇φ DSM = E[(s − t)' ∂c s ∂φ f(x)], the network path alone")
      .from("decomposition, exact", q, [&] { return total(exact().dsm); })
      .equals("written out", q, [&] { return written().dsm_phi; })
      .equals("its net path", q, [&] { return along(exact().dsm, "net"); })
      .equals("Monte Carlo", q, [&] { return total(drawn().dsm).of(drawn()); });
  run.statement("encoder/finite-net", "ESM's net path E[(s − s*)' ∂c s ∂φ f(x)] is not DSM's, for f(x) and t are correlated")
      .from("decomposition, exact", q, [&] { return along(exact().esm, "net"); })
      .equals("written out", q, [&] { return written().net_phi; })
      .differs("DSM's net path", [&] { return along(exact().dsm, "net"); });
  run.statement("encoder/finite-target", "φ reaches ESM also through c and through the weights inside s*, DSM does not")
      .from("DSM's target paths", q, [&] { return targets(exact().dsm); })
      .equals("zero", q, [&] { return 0 * targets(exact().dsm); })
      .differs("ESM's target paths", [&] { return targets(exact().esm); });
  run.statement("encoder/finite-bias", "Theorem 2: ∇φ ESM − ∇φ DSM = ∇φ C2 = −E[(s* − t)' ∂c s* ∂φ f(x)], the envelope identity")
      .from("∇φ C2, exact", q, [&] { return total(exact().c2); })
      .equals("envelope, written out", q, [&] { return written().c2_phi; })
      .equals("exact", q, [&] { return total(exact().esm) - total(exact().dsm); })
      .equals("Monte Carlo", q, [&] { return total(drawn().esm).of(drawn()) - total(drawn().dsm).of(drawn()); })
      .differs("zero", [&] { return 0 * total(exact().c2); });
  run.statement("encoder/finite-gain", "f → (1 + δ) f: dC2/dδ = E |Cov(t, f(x) | x_t, c)|² / τ² ≥ 0")
      .from("autodiff, exact", q, [&] { return total(exact().c2, "gain"); })
      .equals("covariance, written out", q, [&] { return Values(written().gain); })
      .equals("autodiff, Monte Carlo", q, [&] { return total(drawn().c2, "gain").of(drawn()); })
      .below("zero", [] { return Values(0.0); });

  run.figure("encoder/paths", [&] {
    report::BarChart chart = losses::by_path("gain", {{"DSM", &exact().dsm}, {"ESM", &exact().esm}, {"C2", &exact().c2}});
    chart.caption = "An encoder network on a finite data set: the gradient for the gain of its code, by the path that it takes";
    chart.alt =
        "Stacked bars for DSM, ESM and C2. DSM has the network path alone; ESM has paths through c and through the "
        "posterior weights inside its target.";
    return draw(chart);
  });
}

}  // namespace

void encoder(Run& run) {
  gaussian_encoder(run);
  finite_data(run);
}

}  // namespace scoregrad::verify
