// Corollary 1: the score is frozen and p(x) itself is optimised. DSM is linear in p and ends in a point; ESM ends at the data.
#include <algorithm>
#include <cmath>
#include <utility>

#include "examples/verify/families.h"
#include "report/chart.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

Values total(const Term& t, const char* group) { return Values(t.gradient.at(group).total); }

// ---- p = N(0, r^2), s = -w x: all in closed form ------------------------------------------------------------------------------------
constexpr double w = 0.8, sigma = 0.5, sigma2 = sigma * sigma;

struct ByHand {
  double dsm, esm, c2, d_dsm, d_esm, d_c2, d_sds, d_vsd, d_penalty;
};
ByHand by_hand(double r) {
  const double s2 = r * r + sigma2, m = 1 / s2 - w;
  return {.dsm = 0.5 * (w * w * r * r + (1 / sigma - w * sigma) * (1 / sigma - w * sigma)),
          .esm = 0.5 * m * m * s2,
          .c2 = 0.5 / s2,
          .d_dsm = w * w * r,
          .d_esm = w * w * r - r / (s2 * s2),
          .d_c2 = -r / (s2 * s2),
          .d_sds = w * r,
          .d_vsd = w * r - r / s2,
          .d_penalty = w * w * r};
}
// The r whose noised law has the score -w x.
const double fitting = std::sqrt(1 / w - sigma2);

void gaussian_law(Run& run) {
  const Kind exactly = Kind::closed_form;
  const auto score = [](const Tensor& xt) { return -w * xt; };
  const auto at = [&run, score](double width, int64_t samples = 0) {
    const Tensor r = full({1, 1}, width, run.options()).requires_grad();
    return decompose(score, InputDistribution{Gaussian{zeros({1}, run.options()), r}},
                     {.sigma = sigma,
                      .samples = samples,
                      .rule = quadrature::gauss_hermite(4),
                      .wrt = {{"r", r}},
                      .trace = Trace::none,
                      .block = run.block(),
                      .progress = run.watcher()},
                     run.key("corollary"));
  };
  const auto exact = once([=] { return at(0.7); });
  const auto drawn = once([=, &run] { return at(0.7, run.samples()); });
  const auto found = [](const Decomposition& d) {
    return joined({total(d.dsm, "r"), total(d.sds, "r"), total(d.vsd, "r"), total(d.esm, "r"), total(d.c2, "r")}).of(d);
  };
  run.statement("corollary1/side-by-side", "d/dr of DSM, SDS, VSD-like, ESM and C2 for p = N(0, r²), r = 0.7, and a frozen score")
      .from("formulas", exactly,
            [] {
              const ByHand h = by_hand(0.7);
              return Values{h.d_dsm, h.d_sds, h.d_vsd, h.d_esm, h.d_c2};
            })
      .equals("quadrature", exactly, [=] { return found(exact()); })
      .equals("Monte Carlo", exactly, [=] { return found(drawn()); });
  run.statement("corollary1/identity", "DSM = ESM − C2 + C3 in value and gradient")
      .from("zero", exactly,
            [] {
              return Values{0, 0};
            })
      .equals("quadrature", exactly,
              [=] {
                return joined({exact().residual.value, total(exact().residual, "r")});
              })
      .equals("Monte Carlo", exactly, [=] {
        return joined({drawn().residual.value, total(drawn().residual, "r")}).of(drawn());
      });
  const auto fitted = once([=] { return at(fitting); });
  run.statement("corollary1/at-the-data",
                "where p fits the score exactly, r = 1: ESM and VSD-like rest, DSM pulls by −∇C2 = 0.64, SDS by 0.8")
      .from("0, 0, 0.64, 0.8", exactly,
            [] {
              return Values{0, 0, 0.64, 0.8};
            })
      .equals("quadrature", exactly, [=] {
        return joined({total(fitted().esm, "r"), total(fitted().vsd, "r"), total(fitted().dsm, "r"), total(fitted().sds, "r")});
      });
  run.statement("corollary1/dirac", "DSM falls all the way to the point mass r = 0, where C2 is largest; ESM has its minimum, 0, at r = 1")
      .from("DSM, −C2, ESM elsewhere", exactly,
            [=] {
              return joined({at(0.2).dsm.value, at(0.6).dsm.value, at(1).dsm.value, at(1.4).dsm.value, -1 * Values(at(0.2).c2.value),
                             -1 * Values(at(1.4).c2.value), at(0.2).esm.value, at(0.6).esm.value, at(1.4).esm.value});
            })
      .below("at r = 0, 0 and 1", [=] {
        const Decomposition point = at(0), data = at(fitting);
        const Values dsm = point.dsm.value, c2 = -1 * Values(point.c2.value), esm = data.esm.value;
        return joined({dsm, dsm, dsm, dsm, c2, c2, esm, esm, esm});
      });
  run.statement("corollary1/penalty",
                "adding λ‖s‖²/2 of the frozen s has the wrong sign: its gradient is +w² r, the wanted one −r/(r² + σ²)²")
      .from("w² r, 0", exactly,
            [] {
              return Values{by_hand(0.7).d_penalty, 0};
            })
      .equals("autodiff and quadrature", exactly,
              [&run] {
                const Tensor r = full({1, 1}, 0.7, run.options()).requires_grad();
                const auto nodes = quadrature::product(quadrature::gauss_hermite(4), 2, run.options());
                const Tensor xt = slice_axis(nodes.z, 1, 0, 1) * r + sigma * slice_axis(nodes.z, 1, 1, 2);
                return joined({grad(sum(nodes.weights * c2(-w * xt)), r), 0.0});
              })
      .below("0, ∇C2", [=] {
        return joined({0.0, total(exact().c2, "r")});
      });

  run.figure("corollary1/curves", [] {
    report::LineChart chart{
        .caption = "p = N(0, r²) under the frozen exact score of the data: losses over the width r",
        .alt =
            "DSM rises with r and has its minimum at r = 0, a point mass. ESM has its minimum, zero, at r = 1, the data. "
            "C2 is largest at r = 0.",
        .x_label = "r",
        .y_label = "loss",
        .lines = {{"DSM", {}, {}}, {"ESM", {}, {}}, {"C2", {}, {}}}};
    for (int i = 0; i <= 80; ++i) {
      const double r = 0.02 * i;
      const ByHand h = by_hand(r);
      const double y[] = {h.dsm, h.esm, h.c2};
      for (size_t j = 0; j < 3; ++j) {
        chart.lines[j].x.push_back(r);
        chart.lines[j].y.push_back(y[j]);
      }
    }
    chart.lines[0].marks = {{0, by_hand(0).dsm}};
    chart.lines[1].marks = {{1, by_hand(1).esm}};
    return draw(chart);
  });
}

// ---- a mixture as the model: two modes at -+1.5 with weights 0.3 and 0.7, variance 0.4 ------------------------------------------------
constexpr double mode = 1.5, variance = 0.4, share = 0.3;

Mixture two_modes(const Tensor& pi, Options o) {
  return {concat({reshape(log(pi), {1}), reshape(log(1 - pi), {1})}, 0), from({-mode, mode}, {2, 1}, o),
          full({2, 1, 1}, std::sqrt(variance), o)};
}
// Its noised score in plain numbers.
double plain_score(double x, double noise2) {
  const double s2 = variance + noise2, left = share * std::exp(-0.5 * (x + mode) * (x + mode) / s2);
  const double right = (1 - share) * std::exp(-0.5 * (x - mode) * (x - mode) / s2), r = right / (left + right);
  return -(x - mode * (2 * r - 1)) / s2;
}
// E f(z) for z ~ N(0, 1), by the trapezoidal rule.
double plain_mean(const std::function<double(double)>& f) {
  double value = 0, weight = 0;
  for (int i = -180; i <= 180; ++i) {
    const double z = 0.05 * i, p = std::exp(-0.5 * z * z);
    value += p * f(z);
    weight += p;
  }
  return value / weight;
}
// DSM of the point mass at x.
double plain_dsm(double x) {
  return plain_mean([x](double z) {
    const double off = plain_score(x + sigma * z, sigma2) + z / sigma;
    return 0.5 * off * off;
  });
}

void mixture_law(Run& run) {
  const Kind q = Kind::quadrature;
  const Options o = run.options();
  const Mixture model = two_modes(scalar(share, o), o);
  const auto options = [&run](Wanted wanted, double level) {
    return DecomposeOptions{
        .sigma = level, .rule = quadrature::trapezoid(9, 0.1), .wrt = {std::move(wanted)}, .trace = Trace::none, .progress = run.watcher()};
  };
  const auto frozen = [&model](double level) { return [noised = model.noised(1, level)](const Tensor& xt) { return noised.score(xt); }; };

  // The weight: at pi = 0.3 the law is the model itself.
  const auto weighed = once([&] {
    const Tensor pi = scalar(share, o).requires_grad();
    return decompose(frozen(sigma), InputDistribution{two_modes(pi, o)}, options({"pi", pi}, sigma));
  });
  run.statement("corollary1/linear", "DSM is linear in p: dDSM/dπ = DSM(left mode) − DSM(right mode) = +0.2587, at the model itself")
      .from("DSM of each mode", q,
            [&] {
              const auto of_mode = [&](double m) {
                const Tensor mean = full({1}, m, o).requires_grad();
                const Gaussian g{mean, full({1, 1}, std::sqrt(variance), o)};
                return Values(decompose(frozen(sigma), InputDistribution{g}, options({"m", mean}, sigma)).dsm.value);
              };
              return of_mode(-mode) - of_mode(mode);
            })
      .equals("autodiff in π", q, [&] { return total(weighed().dsm, "pi"); })
      .equals("−∇C2", q, [&] { return -1 * total(weighed().c2, "pi"); })
      .differs("∇ESM, which is zero there", [&] { return total(weighed().esm, "pi"); });
  run.statement("corollary1/esm-rests", "∇ESM = 0 at the model itself")
      .from("zero", q, [] { return Values(0.0); })
      .equals("autodiff in π", q, [&] { return total(weighed().esm, "pi"); });

  // The best of all laws under DSM is a point mass at x = 1.5725, beside the mode.
  const auto best = once([] {
    double low = 1.4, high = 1.8;  // the slope by central differences changes sign between
    for (int i = 0; i < 60; ++i) {
      const double x = 0.5 * (low + high), slope = plain_dsm(x + 1e-4) - plain_dsm(x - 1e-4);
      (slope < 0 ? low : high) = x;
    }
    return low;
  });
  run.statement("corollary1/best-point",
                "under the frozen mixture score DSM's optimum is a Dirac at x = 1.5725, not the mode 1.5 and not the data")
      .from("search in plain numbers", q,
            [&] {
              const double deviation = std::sqrt(variance);
              const double model_itself = plain_mean(
                  [=](double z) { return share * plain_dsm(-mode + deviation * z) + (1 - share) * plain_dsm(mode + deviation * z); });
              return Values{plain_dsm(best()), 0, model_itself};
            })
      .equals("DSM, its slope there, DSM of model", Kind::noise_integral, [&] {
        const Tensor x = full({1}, best(), o).requires_grad();
        const Decomposition d = decompose(frozen(sigma), InputDistribution{Gaussian{x, zeros({1, 1}, o)}}, options({"x", x}, sigma));
        return joined({d.dsm.value, total(d.dsm, "x"), weighed().dsm.value});
      });
  run.statement("corollary1/beside-the-mode",
                "that point lies beyond the mode, and DSM is lower there than at the mode and at the model itself")
      .from("x, DSM of the mode and of the model", q,
            [&] {
              return joined({best(), plain_dsm(mode), weighed().dsm.value});
            })
      .below("mode, DSM of the point", [&] {
        return Values{mode, plain_dsm(best()), plain_dsm(best())};
      });

  // SDS is the integral of DSM's gradients over all higher noise levels: d(sigma'^2) from sigma^2 to infinity.
  const auto law_gradient = [&](double level, auto term) {
    const Tensor m = full({1}, 0.6, o).requires_grad(), r = full({1, 1}, 0.5, o).requires_grad();
    const Decomposition d = decompose(frozen(level), InputDistribution{Gaussian{m, r}}, options({"law", Tensors{m, r}}, level));
    return total(term(d), "law");
  };
  const auto integrated = [&](auto term) {
    // sigma'^2 + variance = (sigma^2 + variance)/u maps the tail to (0, 1], where the integrand is smooth.
    const quadrature::Rule rule = quadrature::gauss_legendre(run.quick() ? 20 : 28);
    Values sum{0, 0};
    for (size_t i = 0; i < rule.nodes.size(); ++i) {
      const double u = rule.nodes[i], level2 = (sigma2 + variance) / u - variance;
      sum = sum + rule.weights[i] * (sigma2 + variance) / (u * u) * law_gradient(std::sqrt(level2), term);
    }
    return sum;
  };
  run.statement("corollary1/sds-integral", "SDS at σ = ∫ ∇DSM dσ'² over σ' > σ: the gradient of a cross-entropy")
      .from("SDS", Kind::quadrature, [&] { return law_gradient(sigma, [](const Decomposition& d) { return d.sds; }); })
      .equals("integral of DSM's gradients", Kind::noise_integral, [&] { return integrated([](const Decomposition& d) { return d.dsm; }); })
      .differs("DSM's gradient at σ", [&] { return law_gradient(sigma, [](const Decomposition& d) { return d.dsm; }); });
  run.statement("corollary1/vsd-integral", "the VSD-like gradient at σ = ∫ ∇ESM dσ'²: the gradient of KL(p | model), without the entropy")
      .from("VSD-like", Kind::quadrature, [&] { return law_gradient(sigma, [](const Decomposition& d) { return d.vsd; }); })
      .equals("integral of ESM's gradients", Kind::noise_integral,
              [&] { return integrated([](const Decomposition& d) { return d.esm; }); });
}

}  // namespace

void corollary1(Run& run) {
  gaussian_law(run);
  mixture_law(run);
}

}  // namespace scoregrad::verify
