// One number: x ~ N(0, 1), c = phi x + 0.5 eta, x_t = x + 0.7 eps, s = -0.6 x_t + 0.4 c at phi = 0.8. A step on DSM raises phi, a step on
// ESM lowers it.
#include <algorithm>
#include <cmath>

#include "autograd/graph/drawing.h"
#include "examples/verify/families.h"
#include "losses/decomposition_page.h"
#include "report/drawing.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double gain = 0.8, tau = 0.5, sigma = 0.7, w = -0.6, v = 0.4;

// ---- by hand, in plain numbers ------------------------------------------------------------------------------------------------------
struct ByHand {
  double dsm, esm, c2, d_dsm, net, target_c, target_w, d_esm, d_c2;
};
ByHand by_hand(double phi) {
  ByHand h;
  const double rate = phi * phi + tau * tau;                     // variance of c
  const double k = phi / rate, p = tau * tau / rate;             // x | c ~ N(k c, p)
  const double s2 = p + sigma * sigma;                           // x_t | c ~ N(k c, s2), so s* = -(x_t - k c) / s2
  const double m = w + 1 / s2, n = v - k / s2, x = m + n * phi;  // s - s* = x X + m sigma eps + n tau eta
  const double b = w + v * phi;                                  // s - t = b X + (w sigma + 1/sigma) eps + v tau eta
  h.dsm = 0.5 * (b * b + tau * tau * v * v + (sigma * w + 1 / sigma) * (sigma * w + 1 / sigma));
  h.esm = 0.5 * (x * x + sigma * sigma * m * m + tau * tau * n * n);
  h.c2 = 0.5 / s2;
  h.d_dsm = v * b;
  h.net = v * x;
  h.target_c = -k / s2 * x;
  // phi inside k and s2, at fixed phi in c: dk = (tau^2 - phi^2)/rate^2, ds2 = dp = -2 phi tau^2/rate^2.
  const double dk = (tau * tau - phi * phi) / (rate * rate), ds2 = -2 * phi * tau * tau / (rate * rate);
  const double dm = -ds2 / (s2 * s2), dn = -dk / s2 + k * ds2 / (s2 * s2);
  h.target_w = x * (dm + dn * phi) + sigma * sigma * m * dm + tau * tau * n * dn;
  h.d_esm = h.net + h.target_c + h.target_w;
  h.d_c2 = -0.5 * ds2 / (s2 * s2);
  return h;
}

// ---- the same expectations as tensors, for autodiff ---------------------------------------------------------------------------------
struct Expected {
  Tensor dsm, esm, c2;
};
Expected expected(const Tensor& phi) {
  const Tensor in = phi.tag("net"), moved = phi.tag("target_c"), inside = phi.tag("target_w");
  const Tensor rate = square(inside) + tau * tau, k = inside / rate, s2 = tau * tau / rate + sigma * sigma;
  const Tensor m = w + 1 / s2, n = v - k / s2, x = m + v * in - k / s2 * moved;
  return {0.5 * (square(w + v * in) + tau * tau * v * v + (sigma * w + 1 / sigma) * (sigma * w + 1 / sigma)),
          0.5 * (square(x) + sigma * sigma * square(m) + tau * tau * square(n)), 0.5 / s2};
}

}  // namespace

void headline(Run& run) {
  const Tensor phi = scalar(gain, run.options()).requires_grad();
  const LinearEncoder setup{Gaussian::standard(1, run.options()), phi, tau};
  const auto score = [](const Tensor& xt, const Tensor& c) { return w * xt + v * c; };
  const auto hand = once([] { return by_hand(gain); });
  const auto graph = once([&] { return expected(phi); });
  const DecomposeOptions exact_rule{
      .sigma = sigma, .rule = quadrature::gauss_hermite(4), .wrt = {{"phi", phi}}, .trace = Trace::none, .progress = run.watcher()};
  DecomposeOptions fine = exact_rule, by_chance = exact_rule;
  fine.rule = quadrature::trapezoid(9, 0.5);
  by_chance.samples = (run.quick() ? 8 : 2) * run.samples();
  by_chance.block = run.block();
  const auto exact = once([&] { return decompose(score, setup, exact_rule); });
  const auto trapezoid = once([&] { return decompose(score, setup, fine); });
  const auto drawn = once([&] { return decompose(score, setup, by_chance, run.key("headline")); });
  const auto total = [](const Term& t) { return Values(t.gradient.at("phi").total); };
  const auto along = [](const Term& t, const char* path) { return Values(t.gradient.at("phi").along(path)); };
  const Kind exactly = Kind::closed_form;

  run.statement("headline/losses", "DSM, ESM and C2 in value")
      .from("by hand", exactly,
            [&] {
              return Values{hand().dsm, hand().esm, hand().c2};
            })
      .equals("quadrature", exactly,
              [&] {
                return joined({exact().dsm.value, exact().esm.value, exact().c2.value});
              })
      .equals("Monte Carlo", exactly, [&] {
        return joined({drawn().dsm.value, drawn().esm.value, drawn().c2.value}).of(drawn());
      });
  run.statement("headline/dsm", "dDSM/dφ = −0.112: a step on DSM raises φ")
      .from("by hand", exactly, [&] { return Values(hand().d_dsm); })
      .equals("−0.112", exactly, [] { return Values(-0.112); })
      .equals("autodiff", exactly, [&] { return Values(grad(graph().dsm, phi)); })
      .equals("Gauss-Hermite", exactly, [&] { return total(exact().dsm); })
      .equals("trapezoid", exactly, [&] { return total(trapezoid().dsm); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().dsm).of(drawn()); });
  run.statement("headline/esm", "dESM/dφ = +0.3129: a step on ESM lowers φ")
      .from("by hand", exactly, [&] { return Values(hand().d_esm); })
      .equals("autodiff", exactly, [&] { return Values(grad(graph().esm, phi)); })
      .equals("Gauss-Hermite", exactly, [&] { return total(exact().esm); })
      .equals("trapezoid", exactly, [&] { return total(trapezoid().esm); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().esm).of(drawn()); });
  run.statement("headline/paths", "ESM's gradient by path: network, c inside s*, posterior weights inside s*")
      .from("by hand", exactly,
            [&] {
              return Values{hand().net, hand().target_c, hand().target_w};
            })
      .equals("autodiff", exactly,
              [&] {
                const GradByPath g = grad_by_path(graph().esm, phi);
                return joined({g.along("net"), g.along("target_c"), g.along("target_w")});
              })
      .equals("Gauss-Hermite", exactly,
              [&] {
                return joined({along(exact().esm, "net"), along(exact().esm, "target_c"), along(exact().esm, "target_w")});
              })
      .equals("Monte Carlo", exactly, [&] {
        return joined({along(drawn().esm, "net"), along(drawn().esm, "target_c"), along(drawn().esm, "target_w")}).of(drawn());
      });
  run.statement("headline/bias", "dESM/dφ − dDSM/dφ = dC2/dφ = +0.4249")
      .from("dC2/dφ by hand", exactly, [&] { return Values(hand().d_c2); })
      .equals("autodiff", exactly, [&] { return Values(grad(graph().c2, phi)); })
      .equals("Gauss-Hermite", exactly, [&] { return total(exact().esm) - total(exact().dsm); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().esm).of(drawn()) - total(drawn().dsm); });
  run.statement("headline/sign", "dDSM/dφ < 0 < dESM/dφ")
      .from("0, dESM/dφ", exactly,
            [&] {
              return joined({0.0, total(exact().esm)});
            })
      .below("dDSM/dφ, 0",
             [&] {
               return joined({total(exact().dsm), 0.0});
             })
      .below("the same by Monte Carlo", [&] {
        return joined({total(drawn().dsm), 0.0}).of(drawn());
      });
  run.statement("headline/power", "the Monte-Carlo test is sharp: 2 % of dC2/dφ added on purpose is caught")
      .from("zero", exactly, [] { return Values(0.0); })
      .equals("DSM − (ESM − C2 + C3), same samples", exactly, [&] { return total(drawn().residual).of(drawn()); })
      .refutes("the same + 2 % of dC2/dφ", [&] { return total(drawn().residual).of(drawn()) + 0.02 * Values(hand().d_c2); });

  run.figure("headline/curves", [] {
    report::LineChart chart{
        .caption = "An encoder c = φ x + 0.5 η: losses over its gain φ, for the same score network",
        .alt =
            "DSM falls from φ = 0 to its minimum at 1.5, ESM rises from its minimum near 0: at φ = 0.8 their slopes have "
            "opposite signs. C2 grows with φ.",
        .x_label = "φ",
        .y_label = "loss",
        .lines = {{"DSM", {}, {}}, {"ESM", {}, {}}, {"C2", {}, {}}}};
    for (int i = 0; i <= 120; ++i) {
      const double phi_i = 0.02 * i;
      const ByHand h = by_hand(phi_i);
      const double y[] = {h.dsm, h.esm, h.c2};
      for (size_t j = 0; j < 3; ++j) {
        chart.lines[j].x.push_back(phi_i);
        chart.lines[j].y.push_back(y[j]);
      }
    }
    for (size_t j = 0; j < 2; ++j) {
      const auto lowest = std::min_element(chart.lines[j].y.begin(), chart.lines[j].y.end());
      chart.lines[j].marks = {{chart.lines[j].x[static_cast<size_t>(lowest - chart.lines[j].y.begin())], *lowest}};
    }
    return draw(chart);
  });
  run.figure("headline/bars", [&] {
    report::BarChart chart = losses::by_path("phi", {{"DSM", &exact().dsm}, {"ESM", &exact().esm}, {"C2", &exact().c2}});
    chart.caption = "The encoder at φ = 0.8: the gradient for φ, by the path that it takes";
    chart.alt =
        "Stacked bars. DSM has the network path alone, -0.112. ESM has +0.034 along the network, -0.098 along c "
        "inside the target and +0.378 along the posterior weights inside the target, in total +0.313.";
    return draw(chart);
  });
  run.figure("headline/graph", [&] {
    GradFlow flow;
    Tensor leaf = scalar(gain, run.options()).requires_grad().named("phi");
    const Tensor esm = expected(leaf).esm.named("ESM");
    grad(esm, leaf);
    return report::drawing(
        to_dot(esm, {.gradients = true, .flow = &flow}),
        "ESM over the gain φ as it was computed, coloured by the path that the gradient takes",
        "A computation graph from φ at the top to ESM at the bottom. Three tags split φ: net, target_c and target_w; each "
        "step carries its value and the norm of its gradient.");
  });
}

}  // namespace scoregrad::verify
