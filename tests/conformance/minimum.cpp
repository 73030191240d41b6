// Plain numerics around the library's values and slopes.
#include "tests/conformance/minimum.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "autograd/graph/jacobian.h"
#include "autograd/ops/ops.h"

namespace conformance {

using namespace scoregrad;

double slope(const Function& f, double x) {
  const Tensor at = scalar(x, {float64}).requires_grad();
  const Tensor y = f(at);
  return y.tracked() ? grad(y, at).item() : 0;
}

double root(const std::function<double(double)>& f, double a, double b) {
  double fa = f(a), fb = f(b);
  for (int i = 0; i < 200 && fa != 0 && fb != 0; ++i) {
    const double m = 0.5 * (a + b), fm = f(m);
    if (fm == 0) return m;
    // Exponential interpolation through the three values, kept within the bracket.
    const double x = m + (m - a) * (fa > fb ? fm : -fm) / std::sqrt(fm * fm - fa * fb);
    const double fx = f(x);
    if ((fm < 0) != (fx < 0)) {
      a = m, fa = fm, b = x, fb = fx;
    } else if ((fa < 0) != (fx < 0)) {
      b = x, fb = fx;
    } else {
      a = x, fa = fx;
    }
    if (std::abs(b - a) <= 4 * std::numeric_limits<double>::epsilon() * std::abs(x)) break;
  }
  return std::abs(fa) < std::abs(fb) ? a : b;
}

double argmin(const Function& f, const std::vector<double>& points) {
  std::vector<double> candidates;
  std::vector<double> slopes;
  for (size_t i = 1; i + 1 < points.size(); ++i) slopes.push_back(slope(f, points[i]));
  if (slopes.front() >= 0) candidates.push_back(points.front());
  for (size_t i = 0; i + 1 < slopes.size(); ++i)
    if (slopes[i] < 0 && slopes[i + 1] >= 0)
      candidates.push_back(root([&](double x) { return slope(f, x); }, points[i + 1], points[i + 2]));
  if (slopes.back() < 0) candidates.push_back(points.back());
  double best = candidates.front();
  if (candidates.size() > 1) {
    double least = std::numeric_limits<double>::infinity();
    for (double x : candidates) {
      const double y = f(scalar(x, {float64})).item();
      if (y < least) least = y, best = x;
    }
  }
  return best;
}

std::vector<double> half_line() {
  std::vector<double> points = {0};
  for (int k = -24; k <= 24; ++k) points.push_back(std::pow(10, 0.25 * k));
  return points;
}

std::vector<double> interval(double a, double b, int count) {
  std::vector<double> points;
  for (int i = 0; i <= count; ++i) points.push_back(a + (b - a) * i / count);
  return points;
}

Tensor minimise(const Function& f, Tensor x) {
  double damping = 1e-3, value = f(x).item();
  for (int i = 0; i < 500; ++i) {
    const Tensor leaf = x.detach().requires_grad();
    const Tensor g = grad(f(leaf), leaf), h = hessian(f, x);
    const Tensor step = squeeze(solve(h + damping * eye(x.extent(0), like(x)), unsqueeze(g, 1)), {1});
    const Tensor next = x - step;
    const double there = f(next).item();
    const double length = std::sqrt(sum(square(step)).item());
    if (there <= value + 1e-15 * std::abs(value)) {
      x = next, value = there, damping *= 0.2;
      if (length < 1e-14) break;
    } else {
      damping = damping < 1e-12 ? 1e-6 : damping * 5;
      if (length < 1e-14) break;
    }
  }
  return x;
}

double integral(double a, double b, const std::function<double(double)>& f) {
  double total = 0;
  const double h = 1.0 / 32;
  for (int i = -112; i <= 112; ++i) {
    const double t = i * h, u = 0.5 * std::numbers::pi * std::sinh(t), c = std::cosh(u);
    const double share = 1 / (1 + std::exp(-2 * u));  // of [a, b] to the left
    const double weight = 0.25 * std::numbers::pi * std::cosh(t) / (c * c) * h;
    if (weight > 1e-300 && share > 0 && share < 1) total += weight * f(a + (b - a) * share);
  }
  return total * (b - a);
}

double integral_from(double a, const std::function<double(double)>& f) {
  double total = 0;
  const double h = 1.0 / 32;
  for (int i = -128; i <= 128; ++i) {
    const double t = i * h, x = std::exp(0.5 * std::numbers::pi * std::sinh(t));
    total += 0.5 * std::numbers::pi * std::cosh(t) * x * h * f(a + x);
  }
  return total;
}

}  // namespace conformance
