// Theorems 1 and 2 where every number has a closed form: x = A c + b + L(c) z, x_t = a x + sigma eps, and a score linear in x_t and c.
#include <cmath>

#include "examples/verify/families.h"
#include "losses/closed_form.h"
#include "losses/decomposition_page.h"
#include "losses/parametrisation.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double alpha = 0.9, sigma = 0.7, sigma2 = sigma * sigma;

struct Case {
  Tensor A, b, L0, L1, L2, W, V, u, c;
};
Case made(Options o) {
  const auto matrix = [&](std::vector<double> v) { return from(v, {2, 2}, o); };
  const auto leaf = [](Tensor t) { return t.requires_grad(); };
  return {matrix({0.9, -0.4, 0.3, 0.7}),       from({0.2, -0.1}, o),         matrix({0.8, 0, 0.3, 0.6}),
          matrix({0.2, 0.1, 0, -0.15}),        matrix({-0.1, 0, 0.25, 0.2}), leaf(matrix({-0.7, 0.2, 0.1, -0.5})),
          leaf(matrix({0.3, -0.2, 0.4, 0.1})), leaf(from({0.1, -0.3}, o)),   leaf(from({0.4, -0.6}, o))};
}
Tensor factor(const Case& k, const Tensor& c) { return k.L0 + select(c, 0, 0) * k.L1 + select(c, 0, 1) * k.L2; }
Gaussian law(const Case& k, const Tensor& c) { return {matmul(k.A, c) + k.b, factor(k, c)}; }
Tensor score(const Case& k, const Tensor& xt, const Tensor& c) { return matmul(xt, transpose(k.W)) + matmul(c, transpose(k.V)) + k.u; }

Tensor squared(const Tensor& x) { return sum(square(x)); }
Tensor identity(const Case& k) { return eye(2, like(k.A)); }

// ---- route 1: formulas, worked out by hand; no gradient is taken. In float64 for either element type. -----------------------------
struct Formulas : closed_form::Generated {
  double mmse;
  Values losses() const { return joined({value.dsm, value.esm, value.ism, value.c2, value.c3}); }
};
Formulas formulas() {
  const Case k = made({float64});
  const NoGrad off;
  const Tensor L = factor(k, k.c), covariance = matmul(L, transpose(L));
  const auto by = [&](const Tensor& slope) { return matmul(slope, transpose(L)) + matmul(L, transpose(slope)); };
  const Tensor posterior = inverse(inverse(covariance) + alpha * alpha / sigma2 * identity(k));  // Cov(x | x_t, c)
  return {closed_form::generated({k.W, k.V, k.u}, {k.A, k.b, k.c, covariance, stack({by(k.L1), by(k.L2)})}, alpha, sigma),
          alpha * alpha / (2 * sigma2 * sigma2) * trace(posterior).item()};
}

// ---- route 2: expectations over (z, eps) done by hand, gradients by autodiff --------------------------------------------------------
struct Expected {
  Tensor dsm, esm, ism, c2;
};
Expected expected(const Case& k) {
  const Tensor in = k.c.tag("net"), drawn = k.c.tag("dist"), meant = k.c.tag("target"), I = identity(k);
  const Tensor L = factor(k, drawn), mu = alpha * (matmul(k.A, drawn) + k.b), S = alpha * alpha * matmul(L, transpose(L)) + sigma2 * I;
  const Tensor L_t = factor(k, meant), mu_t = alpha * (matmul(k.A, meant) + k.b);
  const Tensor P_t = inverse(alpha * alpha * matmul(L_t, transpose(L_t)) + sigma2 * I), M = k.W + P_t;
  const Tensor r = matmul(k.W, mu) + matmul(k.V, in) + k.u;
  // s - t = r + a W L z + (sigma W + I / sigma) eps, and s - s* = M (x_t - mu) + r + S^-1 (mu - mu_t).
  const Tensor dsm = 0.5 * (squared(r) + squared(alpha * matmul(k.W, L)) + squared(sigma * k.W + I / sigma));
  const Tensor esm = 0.5 * (sum(M * matmul(M, S)) + squared(r + matmul(P_t, mu - mu_t)));
  const Tensor ism = 0.5 * (sum(k.W * matmul(k.W, S)) + squared(r)) + trace(k.W);
  const Tensor c2 = 0.5 * (sum(P_t * matmul(P_t, S)) + squared(matmul(P_t, mu - mu_t)));
  return {dsm, esm, ism, c2};
}

}  // namespace

void gaussian(Run& run) {
  const Case k = made(run.options());
  const Tensors theta = {k.W, k.V, k.u};
  const auto model = [&](const Tensor& xt, const Tensor& c) { return score(k, xt, c); };
  const auto hand = once([] { return formulas(); });
  const auto graph = once([&] { return expected(k); });
  const auto by_path = [&](Tensor Expected::*loss) { return grad_by_path(graph().*loss, k.c, {.allow_unused = true}); };
  // Every integrand is a polynomial of degree two, for which four nodes are exact.
  const DecomposeOptions exact_rule{
      .sigma = sigma, .alpha = alpha, .rule = quadrature::gauss_hermite(4), .wrt = {{"c", k.c}, {"theta", theta}}};
  DecomposeOptions by_chance = exact_rule;
  by_chance.samples = run.samples();
  by_chance.block = run.block();
  by_chance.progress = run.watcher();
  const auto exact = once([&] { return decompose(model, Generated{k.c, law(k, k.c)}, exact_rule); });
  const auto drawn = once([&] { return decompose(model, Generated{k.c, law(k, k.c)}, by_chance, run.key("gaussian")); });
  const auto along = [](const Term& t, const char* path) { return Values(t.gradient.at("c").along(path)); };
  const auto total = [](const Term& t, const char* name = "c") { return Values(t.gradient.at(name).total); };

  const auto all_values = [](const Decomposition& d) {
    return joined({d.dsm.value, d.esm.value, d.ism.value, d.c2.value, d.c3.value}).of(d);
  };
  run.statement("gaussian/losses", "DSM, ESM, ISM, C2, C3 in value; DSM = ESM − C2 + C3 and ISM = ESM − C2")
      .from("formulas", Kind::closed_form, [&] { return hand().losses(); })
      .equals("expectations by hand", Kind::closed_form,
              [&] {
                return joined({graph().dsm, graph().esm, graph().ism, graph().c2, 1 / sigma2});
              })
      .equals("quadrature", Kind::closed_form, [&] { return all_values(exact()); })
      .equals("Monte Carlo", Kind::closed_form, [&] { return all_values(drawn()); });
  run.statement("gaussian/mmse", "DSM − ESM = a²/(2σ⁴) E tr Cov(x | x_t, c), the denoising error, and 0 ≤ C2 ≤ C3")
      .from("posterior covariance", Kind::closed_form, [&] { return Values(hand().mmse); })
      .equals("quadrature", Kind::closed_form, [&] { return Values(exact().dsm.value) - exact().esm.value; })
      .equals("C3 − C2 by quadrature", Kind::closed_form, [&] { return Values(exact().c3.value) - exact().c2.value; });
  run.statement("gaussian/bound", "0 ≤ C2 ≤ C3 = d/(2σ²)")
      .from("C3", Kind::closed_form, [] { return Values(1 / sigma2); })
      .at_most("C2", [&] { return Values(exact().c2.value); });

  run.statement("gaussian/theta", "Theorem 1: ∇θ DSM = ∇θ ESM = ∇θ ISM")
      .from("formula", Kind::closed_form,
            [&] {
              return joined({hand().theta.w, hand().theta.v, hand().theta.u});
            })
      .equals("DSM, autodiff", Kind::closed_form, [&] { return Values(grad(graph().dsm, theta)); })
      .equals("ESM, autodiff", Kind::closed_form, [&] { return Values(grad(graph().esm, theta)); })
      .equals("ISM, autodiff", Kind::closed_form, [&] { return Values(grad(graph().ism, theta)); })
      .equals("DSM, quadrature", Kind::closed_form, [&] { return total(exact().dsm, "theta"); })
      .equals("ESM, quadrature", Kind::closed_form, [&] { return total(exact().esm, "theta"); })
      .equals("ISM, quadrature", Kind::closed_form, [&] { return total(exact().ism, "theta"); })
      .equals("DSM, Monte Carlo", Kind::closed_form, [&] { return total(drawn().dsm, "theta").of(drawn()); })
      .equals("ESM, Monte Carlo", Kind::closed_form, [&] { return total(drawn().esm, "theta").of(drawn()); });
  // Per point, and its gradient for c along every path: the points are drawn from a law that c shapes.
  const auto at_points = [&](const std::function<Tensor(const Tensor& s, const Tensor& xt)>& loss) {
    const Tensor xt = law(k, k.c).noised(alpha, sigma).at(normal({5, 2}, run.key("points"), run.options()));
    const Tensor each = loss(model(xt, broadcast_to(k.c, {5, 2})), xt);
    return joined({each, grad(sum(each), k.c)});
  };
  run.statement("gaussian/ssm", "sliced SM over all 2^d sign vectors = ISM, at every point and in the gradient for c")
      .from("ISM", Kind::closed_form, [&] { return at_points([](const Tensor& s, const Tensor& xt) { return ism(s, xt); }); })
      .equals("sliced SM", Kind::closed_form,
              [&] {
                const Tensor signs = from({1, 1, 1, -1, -1, 1, -1, -1}, {4, 1, 2}, run.options());
                return at_points([&](const Tensor& s, const Tensor& xt) { return ssm(s, xt, broadcast_to(signs, {4, 5, 2})); });
              })
      .equals("variance-reduced", Kind::closed_form, [&] {
        const Tensor signs = from({1, 1, 1, -1, -1, 1, -1, -1}, {4, 1, 2}, run.options());
        return at_points([&](const Tensor& s, const Tensor& xt) { return ssm_vr(s, xt, broadcast_to(signs, {4, 5, 2})); });
      });

  run.statement("gaussian/net", "c in the network's argument: the same gradient for DSM and ESM")
      .from("formula", Kind::closed_form, [&] { return Values(hand().net); })
      .equals("DSM, autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::dsm).along("net")); })
      .equals("ESM, autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::esm).along("net")); })
      .equals("DSM, quadrature", Kind::closed_form, [&] { return along(exact().dsm, "net"); })
      .equals("ESM, quadrature", Kind::closed_form, [&] { return along(exact().esm, "net"); })
      .equals("DSM, Monte Carlo", Kind::closed_form, [&] { return along(drawn().dsm, "net").of(drawn()); });
  run.statement("gaussian/dist-dsm", "c in the law that x_t is drawn from: DSM's gradient, shared by ISM")
      .from("formula", Kind::closed_form, [&] { return Values(hand().dsm_dist); })
      .equals("DSM, autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::dsm).along("dist")); })
      .equals("ISM, autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::ism).along("dist")); })
      .equals("DSM, quadrature", Kind::closed_form, [&] { return along(exact().dsm, "dist"); })
      .equals("ISM, quadrature", Kind::closed_form, [&] { return along(exact().ism, "dist"); })
      .equals("DSM, Monte Carlo", Kind::closed_form, [&] { return along(drawn().dsm, "dist").of(drawn()); })
      .differs("ESM, quadrature", [&] { return along(exact().esm, "dist"); });
  run.statement("gaussian/dist-esm", "c in the law that x_t is drawn from: ESM's gradient")
      .from("formula", Kind::closed_form, [&] { return Values(hand().esm_dist); })
      .equals("autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::esm).along("dist")); })
      .equals("quadrature", Kind::closed_form, [&] { return along(exact().esm, "dist"); })
      .equals("Monte Carlo", Kind::closed_form, [&] { return along(drawn().esm, "dist").of(drawn()); });
  run.statement("gaussian/target", "c in the target s*: a path that only ESM has")
      .from("formula", Kind::closed_form, [&] { return Values(hand().esm_target); })
      .equals("autodiff", Kind::closed_form, [&] { return Values(by_path(&Expected::esm).along("target")); })
      .equals("quadrature", Kind::closed_form, [&] { return along(exact().esm, "target"); })
      .equals("Monte Carlo", Kind::closed_form, [&] { return along(drawn().esm, "target").of(drawn()); });
  run.statement("gaussian/target-dsm", "DSM has no such path")
      .from("zero", Kind::closed_form,
            [] {
              return Values{0, 0};
            })
      .equals("DSM, quadrature", Kind::closed_form, [&] { return along(exact().dsm, "target"); });

  run.statement("gaussian/bias", "Theorem 2: ∇c ESM − ∇c DSM = ∇c C2 ≠ 0")
      .from("formula for ∇c C2", Kind::closed_form, [&] { return Values(hand().c2); })
      .equals("autodiff", Kind::closed_form, [&] { return Values(grad(graph().esm, k.c)) - Values(grad(graph().dsm, k.c)); })
      .equals("autodiff of C2", Kind::closed_form, [&] { return Values(grad(graph().c2, k.c)); })
      .equals("quadrature", Kind::closed_form, [&] { return total(exact().esm) - total(exact().dsm); })
      .equals("quadrature, ESM − ISM", Kind::closed_form, [&] { return total(exact().esm) - total(exact().ism); })
      .equals("C2 by Monte Carlo", Kind::closed_form, [&] { return total(drawn().c2).of(drawn()); })
      .equals("ESM − DSM by Monte Carlo", Kind::closed_form,
              [&] { return total(drawn().esm).of(drawn()) - total(drawn().dsm).of(drawn()); })
      .differs("zero", [] {
        return Values{0, 0};
      });
  run.statement("gaussian/envelope", "∇c C2 = −(DSM's dist path at the exact score, frozen as a function of x_t)")
      .from("formula for ∇c C2", Kind::closed_form, [&] { return Values(hand().c2); })
      .equals("quadrature", Kind::closed_form, [&] {
        const Gaussian frozen = law(k, k.c).detached().noised(alpha, sigma);
        const auto exact_score = [&](const Tensor& xt, const Tensor&) { return frozen.score(xt); };
        return -1 * along(decompose(exact_score, Generated{k.c, law(k, k.c)}, exact_rule).dsm, "dist");
      });

  for (const Predicts what : {Predicts::eps, Predicts::x0, Predicts::v}) {
    const char* name = what == Predicts::eps ? "eps" : what == Predicts::x0 ? "x0" : "v";
    run.statement(std::string("gaussian/predicts-") + name, "the network predicts " + std::string(name) + ": the same bias, times a factor")
        .from("factor × formulas", Kind::closed_form,
              [&, what] {
                const Formulas& f = hand();
                return losses::factor(what, alpha, sigma) * joined({f.value.dsm, f.dsm()});
              })
        .equals("autodiff of its own loss", Kind::closed_form, [&, what] {
          const auto nodes = quadrature::product(quadrature::gauss_hermite(3), 4, run.options());
          const Tensor eps = slice_axis(nodes.z, 1, 2, 4), x = law(k, k.c).at(slice_axis(nodes.z, 1, 0, 2)), xt = alpha * x + sigma * eps;
          const Tensor c = broadcast_to(k.c, xt.shape());
          const Level level{alpha, sigma};
          const Tensor loss = sum(nodes.weights * denoising(what, prediction(what, model(xt, c), xt, level), x, eps, level));
          return joined({loss, grad(loss, k.c)});
        });
  }

  run.figure("gaussian/paths", [&] {
    report::BarChart chart =
        losses::by_path("c", {{"DSM", &exact().dsm}, {"ISM", &exact().ism}, {"ESM", &exact().esm}, {"C2", &exact().c2}}, 0);
    chart.caption = "Generated x: the gradient for c_0, by the path that it takes";
    chart.alt =
        "Stacked bars for DSM, ISM, ESM and C2. The network path is the same for the first three; the path through the "
        "law of x_t differs between DSM and ESM; only ESM has a path through its target.";
    return draw(chart);
  });
}

}  // namespace scoregrad::verify
