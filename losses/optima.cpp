#include "losses/optima.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "distributions/quadrature.h"

namespace scoregrad::losses::closed_form {
namespace {

using namespace distributions;

double square(double x) { return x * x; }
double cube(double x) { return x * x * x; }

template <class F>
double expectation(const F& f) {
  static const quadrature::Rule rule = quadrature::trapezoid(9, 0.05);
  double total = 0;
  for (size_t i = 0; i < rule.nodes.size(); ++i) total += rule.weights[i] * f(rule.nodes[i]);
  return total;
}

}  // namespace

double FrozenScore::dsm(double mu, double v) const { return 0.5 * (w * w * (square(mu - a) + v) + square(1 / sigma - w * sigma)); }
double FrozenScore::best_variance(double gamma) const { return std::max(0.0, std::sqrt(gamma) / w - sigma * sigma); }
double FrozenScore::variance_rate(double v, double gamma) const { return -0.5 * (w * w - gamma / square(v + sigma * sigma)); }
double FrozenScore::collapse_time(double v0) const { return 2 * v0 / (w * w); }

double FollowingScore::dsm(double v) const { return 0.5 * (1 / (sigma * sigma) - 1 / (v + sigma * sigma)); }
double FollowingScore::variance_at(double t, double v0) const {
  return std::max(0.0, std::cbrt(cube(v0 + sigma * sigma) - 1.5 * t) - sigma * sigma);
}
double FollowingScore::collapse_time(double v0) const { return (cube(v0 + sigma * sigma) - cube(sigma * sigma)) / 1.5; }
double FollowingScore::slope(double v, double gamma) const { return (1 - gamma) / (2 * square(v + sigma * sigma)); }

double LinearCode::dsm(double k) const { return FollowingScore{sigma}.dsm(posterior_variance(k)); }

double LinearCode::best_ratio(double beta) const {
  // The slope vanishes where sigma^4 y^2 - (lambda/beta - 2 lambda sigma^2) y + lambda^2 = 0, y = 1 + k; the larger root is the minimum.
  const double s2 = sigma * sigma, b = lambda / beta - 2 * lambda * s2, under_root = b * b - 4 * square(lambda * s2);
  if (under_root < 0) return 0;
  const double y = (b + std::sqrt(under_root)) / (2 * s2 * s2);
  return y > 1 && dsm(y - 1) + 0.5 * beta * std::log(y) < dsm(0) ? y - 1 : 0;
}

// x_t and c together are x with signal-to-noise ratio rho = 1/sigma^2 + phi^2/tau^2, whose mean square error is 1 - E tanh(rho - sqrt(rho)
// z).
double BinaryCode::c2(double phi) const {
  const double s2 = sigma * sigma, rho = 1 / s2 + square(phi / tau);
  const double mmse = 1 - expectation([&](double z) { return std::tanh(rho - std::sqrt(rho) * z); });
  return 1 / (2 * s2) - mmse / (2 * s2 * s2);
}
double BinaryCode::c2_slope(double phi) const {
  const double s2 = sigma * sigma, rho = 1 / s2 + square(phi / tau);
  const double by_rho = expectation([&](double z) {
    const double t = std::tanh(rho - std::sqrt(rho) * z);
    return (1 - t * t) * (1 - z / (2 * std::sqrt(rho)));
  });
  return by_rho / (2 * s2 * s2) * 2 * phi / square(tau);
}

WaterFilling water_filling(const std::vector<double>& lambdas, double sigma, double total_ratio, Where at) {
  if (lambdas.empty() || !(total_ratio >= 0))
    throw Error(at, fmt::format("water_filling: a total of {} over {} modes", total_ratio, lambdas.size()));
  const auto ratio = [&](double lambda, double nu) { return std::max(0.0, (std::sqrt(lambda / (2 * nu)) - lambda) / (sigma * sigma) - 1); };
  const auto sum_at = [&](double log_nu) {
    double total = 0;
    for (double lambda : lambdas) total += ratio(lambda, std::exp(log_nu));
    return total;
  };
  double low = -200, high = 200;  // log nu: the sum falls from very large to zero
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (sum_at(middle) > total_ratio ? low : high) = middle;
  }
  WaterFilling w;
  w.multiplier = std::exp(high);
  for (double lambda : lambdas) {
    w.ratios.push_back(ratio(lambda, w.multiplier));
    w.dsm += LinearCode{lambda, sigma}.dsm(w.ratios.back());
  }
  return w;
}

}  // namespace scoregrad::losses::closed_form
