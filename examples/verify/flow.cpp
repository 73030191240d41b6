// What following each gradient leads to: p(x), an encoder and a condition flow down DSM and down ESM, against the flows in closed form.
// |s*|^2 is tracked along the way.
#include <algorithm>
#include <cmath>

#include "examples/verify/families.h"
#include "report/chart.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double sigma = 0.5, sigma2 = sigma * sigma;

/// dy/dt = -gradient(y), by Runge and Kutta's method of order four; `watch` sees every step.
double descend(Run& run, double y, double time, int steps, const std::function<double(double)>& gradient,
               const std::function<void(double, double)>& watch = {}) {
  const double h = time / steps;
  if (watch) watch(0, y);
  for (int i = 0; i < steps; ++i) {
    const double k1 = -gradient(y), k2 = -gradient(y + 0.5 * h * k1), k3 = -gradient(y + 0.5 * h * k2), k4 = -gradient(y + h * k3);
    y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    if (watch) watch((i + 1) * h, y);
    run.progress(static_cast<double>(i) / steps);
  }
  return y;
}

enum class Loss { dsm, esm };
const Term& pick(const Decomposition& d, Loss loss) { return loss == Loss::dsm ? d.dsm : d.esm; }

DecomposeOptions options(const Tensor& wanted, double level = sigma) {
  // Three nodes are exact for the quadratic integrands of this page.
  return {.sigma = level, .rule = quadrature::gauss_hermite(3), .wrt = {{"y", wanted}}, .trace = Trace::none};
}
double slope(const Decomposition& d, Loss loss) { return Values(pick(d, loss).gradient.at("y").total).value[0]; }

// ---- p = N(0, v): the flow of its variance ------------------------------------------------------------------------------------------
constexpr double w = 0.8;

// d loss/dv under a frozen score -w x, or, if `refit`, under the exact score of the present p.
std::function<double(double)> by_variance(Run& run, Loss loss, bool refit) {
  return [o = run.options(), loss, refit](double variance) {
    const Tensor v = scalar(variance, o).requires_grad();
    const double rate = refit ? 1 / (variance + sigma2) : w;
    const auto score = [rate](const Tensor& xt) { return -rate * xt; };
    return slope(decompose(score, InputDistribution{Gaussian{zeros({1}, o), reshape(sqrt(v), {1, 1})}}, options(v)), loss);
  };
}
double norm_of_score(double v) { return 1 / (v + sigma2); }  // E|s*|^2

void distributions(Run& run) {
  const Kind q = Kind::quadrature;
  const int steps = run.quick() ? 40 : 150;
  const double v0 = 1.6, collapse = 2 * v0 / (w * w);
  run.statement("flow/dsm-frozen", "p(x) under DSM, score frozen: v falls at the constant rate w²/2 and collapses at t = 2 v0/w²")
      .from("v0 − w² t/2 (two times)", q,
            [=] {
              return Values{0.6 * v0, 0.1 * v0};
            })
      .equals("gradient flow", q, [&run, by = by_variance(run, Loss::dsm, false), steps, v0, collapse] {
        return Values{descend(run, v0, 0.4 * collapse, steps, by), descend(run, v0, 0.9 * collapse, steps, by)};
      });
  run.statement("flow/esm-frozen", "p(x) under ESM, score frozen: v comes to rest at the data's 1/w − σ²")
      .from("1/w − σ²", Kind::noise_integral, [] { return Values(1 / w - sigma2); })
      .equals("gradient flow", Kind::noise_integral,
              [&run, by = by_variance(run, Loss::esm, false), v0] { return Values(descend(run, v0, 60, run.quick() ? 120 : 200, by)); });
  run.statement("flow/esm-path", "on the way: −(2/w²)[S + ln((wS − 1)/(wS + 1))/(2w)] at S = v + σ² is the time")
      .from("t = 3", Kind::noise_integral, [] { return Values(3.0); })
      .equals("gradient flow", Kind::noise_integral, [&run, by = by_variance(run, Loss::esm, false), steps, v0] {
        const auto clock = [](double v) {
          const double s = v + sigma2;
          return -2 / (w * w) * (s + std::log((w * s - 1) / (w * s + 1)) / (2 * w));
        };
        return Values(clock(descend(run, v0, 3, steps, by)) - clock(v0));
      });
  const double full_time = 2.0 / 3 * (std::pow(v0 + sigma2, 3) - std::pow(sigma2, 3));
  run.statement("flow/dsm-refit", "p(x) under DSM with the best score at every moment: (v + σ²)³ falls linearly; collapse in finite time")
      .from("closed form (two times)", Kind::noise_integral,
            [=] {
              const auto at = [=](double t) { return std::cbrt(std::pow(v0 + sigma2, 3) - 1.5 * t) - sigma2; };
              return Values{at(0.5 * full_time), at(0.9 * full_time)};
            })
      .equals("gradient flow", Kind::noise_integral, [&run, by = by_variance(run, Loss::dsm, true), steps, v0, full_time] {
        return Values{descend(run, v0, 0.5 * full_time, steps, by), descend(run, v0, 0.9 * full_time, steps, by)};
      });
  run.statement("flow/esm-refit", "p(x) under ESM with the best score at every moment: nothing moves")
      .from("v0", q, [=] { return Values(v0); })
      .equals("gradient flow", q,
              [&run, by = by_variance(run, Loss::esm, true), steps, v0] { return Values(descend(run, v0, 5, steps, by)); });

  run.figure("flow/norm", [&run] {
    report::LineChart chart{
        .caption = "E‖s*‖², the mean square of the true score, while p = N(0, v) follows each gradient",
        .alt =
            "Under DSM the norm rises without pause towards 4, its bound 1/σ², in finite time, for the frozen score and "
            "faster for one that is refitted. Under ESM it settles at 0.8, that of the data.",
        .x_label = "time",
        .y_label = "E‖s*‖²",
        .lines = {}};
    const auto trace = [&](const char* name, Loss loss, bool refit, double time) {
      report::Line line{name, {}, {}};
      descend(run, 1.6, time, 60, by_variance(run, loss, refit), [&](double t, double v) {
        line.x.push_back(t);
        line.y.push_back(norm_of_score(v));
      });
      chart.lines.push_back(line);
    };
    trace("DSM, frozen score", Loss::dsm, false, 4.95);
    trace("ESM, frozen score", Loss::esm, false, 6);
    trace("DSM, refitted score", Loss::dsm, true, 4.1);
    trace("ESM, refitted score", Loss::esm, true, 6);
    return draw(chart);
  });
}

// ---- the encoder of the headline: x ~ N(0, 1), c = phi x + 0.5 eta, s = -0.6 x_t + 0.4 c, sigma = 0.7 ----------------------------------
constexpr double gain = 0.8, tau = 0.5, encoder_sigma = 0.7;

std::function<double(double)> by_gain(Run& run, Loss loss, bool refit) {
  return [o = run.options(), loss, refit](double phi) {
    const Tensor y = scalar(phi, o).requires_grad();
    const LinearEncoder setup{Gaussian::standard(1, o), y, tau};
    const LinearEncoder fixed{Gaussian::standard(1, o), y.detach(), tau};
    const auto score = [&](const Tensor& xt, const Tensor& c) {
      return refit ? fixed.score(xt, c, 1, encoder_sigma) : -0.6 * xt + 0.4 * c;
    };
    return slope(decompose(score, setup, options(y, encoder_sigma)), loss);
  };
}
double half_norm(double phi) { return 0.5 / (tau * tau / (phi * phi + tau * tau) + encoder_sigma * encoder_sigma); }  // C2

void encoders(Run& run) {
  const int steps = run.quick() ? 40 : 120;
  run.statement("flow/encoder-dsm", "an encoder under DSM, score frozen: φ(t) = 1.5 − 0.7 exp(−0.16 t), and C2 grows with it")
      .from("closed form (two times)", Kind::noise_integral,
            [] {
              const auto at = [](double t) { return 1.5 - 0.7 * std::exp(-0.16 * t); };
              return Values{at(2), at(10), half_norm(at(10))};
            })
      .equals("gradient flow", Kind::noise_integral, [&run, by = by_gain(run, Loss::dsm, false), steps] {
        const double late = descend(run, gain, 10, steps, by);
        const Tensor y = scalar(late, run.options()).requires_grad();
        const auto score = [](const Tensor& xt, const Tensor& c) { return -0.6 * xt + 0.4 * c; };
        const Decomposition d = decompose(score, LinearEncoder{Gaussian::standard(1, run.options()), y, tau}, options(y, encoder_sigma));
        return joined({descend(run, gain, 2, steps, by), late, d.c2.value});
      });
  run.statement("flow/encoder-esm", "the same encoder under ESM goes the other way and comes to rest with less score")
      .from("its start: φ, C2", Kind::quadrature,
            [] {
              return Values{gain, half_norm(gain)};
            })
      .below("φ and C2 after t = 30", [&run, by = by_gain(run, Loss::esm, false), steps] {
        const double end = descend(run, gain, 30, steps, by);
        return Values{end, half_norm(end)};
      });
  run.statement("flow/encoder-refit",
                "with the best score at every moment DSM raises C2 for ever, ESM does nothing: the bias is all the encoder learns from")
      .from("dC2/dφ up, 0", Kind::closed_form,
            [] {
              const double r = gain * gain + tau * tau, s2 = tau * tau / r + encoder_sigma * encoder_sigma;
              return Values{gain * tau * tau / (r * r) / (s2 * s2), 0};
            })
      .equals("−∇DSM, −∇ESM", Kind::closed_form, [&run] {
        return Values{-by_gain(run, Loss::dsm, true)(gain), -by_gain(run, Loss::esm, true)(gain)};
      });

  run.figure("flow/gain", [&run] {
    report::LineChart chart{.caption = "An encoder c = φ x + 0.5 η follows each gradient: 2 C2 = E‖s*‖²",
                            .alt = "Under DSM the norm grows, under ESM it falls, from the same start with the same score network.",
                            .x_label = "time",
                            .y_label = "E‖s*‖²",
                            .lines = {}};
    for (const Loss loss : {Loss::dsm, Loss::esm}) {
      report::Line line{loss == Loss::dsm ? "DSM" : "ESM", {}, {}};
      descend(run, gain, 12, 40, by_gain(run, loss, false), [&](double t, double phi) {
        line.x.push_back(t);
        line.y.push_back(2 * half_norm(phi));
      });
      chart.lines.push_back(line);
    }
    return draw(chart);
  });
}

// ---- a condition that shapes the law: x | c ~ N(c_0, exp(2 c_1)), the amortised exact score ---------------------------------------------
void conditions(Run& run) {
  const auto by = [&run](Loss loss) -> std::function<double(double)> {
    return [o = run.options(), loss](double log_deviation) {
      const Tensor y = scalar(log_deviation, o).requires_grad(), c = reshape(y, {1});
      const auto score = [](const Tensor& xt, const Tensor& code) { return -xt / (exp(2 * code) + sigma2); };
      return slope(decompose(score, Generated{c, Gaussian{zeros({1}, o), reshape(exp(y), {1, 1})}}, options(y)), loss);
    };
  };
  const int steps = run.quick() ? 40 : 120;
  // dv/dt = -2 v^2/(v + sigma^2)^2 for v = exp(2 c).
  const auto clock = [](double c) {
    const double v = std::exp(2 * c);
    return -0.5 * (v + 2 * sigma2 * std::log(v) - sigma2 * sigma2 / v);
  };
  run.statement("flow/condition-dsm", "a condition that sets the spread of x, exact score s*(x_t, c): under DSM the spread shrinks")
      .from("t = 1.2 from the closed form", Kind::noise_integral, [] { return Values(1.2); })
      .equals("gradient flow", Kind::noise_integral,
              [&run, by, steps, clock] { return Values(clock(descend(run, 0.1, 1.2, steps, by(Loss::dsm))) - clock(0.1)); });
  run.statement("flow/condition-esm", "the same condition under ESM stays where it is")
      .from("start", Kind::quadrature, [] { return Values(0.1); })
      .equals("gradient flow", Kind::quadrature, [&run, by, steps] { return Values(descend(run, 0.1, 1.2, steps, by(Loss::esm))); });
}

}  // namespace

void flow(Run& run) {
  distributions(run);
  encoders(run);
  conditions(run);
}

}  // namespace scoregrad::verify
