#include "examples/verify/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad::verify {

double tolerance(Kind kind, DType dtype) {
  const bool wide = dtype == DType::float64;
  switch (kind) {
    case Kind::closed_form:
      return wide ? 1e-10 : 1e-5;
    case Kind::quadrature:
      return wide ? 1e-9 : 2e-5;
    default:
      return wide ? 1e-6 : 1e-4;
  }
}

const char* name_of(Kind kind) {
  return kind == Kind::closed_form ? "closed form" : kind == Kind::quadrature ? "quadrature, finite data" : "integral over sigma";
}

Values::Values(const Tensor& t) : value(t.to_vector<double>()), error(value.size(), 0.0) {}
Values::Values(const Tensors& ts) {
  for (const Tensor& t : ts) *this = joined({*this, t});
}
Values::Values(const losses::Gradient& g) {
  *this = Values(g.mean);
  if (!g.error.empty()) error = Values(g.error).value;
}

bool Values::sampled() const {
  return std::any_of(error.begin(), error.end(), [](double e) { return e > 0; });
}
Values Values::of(const losses::Decomposition& d) && {
  freedom = d.sampled ? d.blocks - 1 : 0;
  return std::move(*this);
}

losses::Decomposition without_integration_errors(losses::Decomposition d) {
  using D = losses::Decomposition;
  if (d.sampled) return d;
  for (losses::Term D::*of : {&D::dsm, &D::esm, &D::ism, &D::c2, &D::c3, &D::residual, &D::by_parts, &D::sds, &D::vsd}) {
    losses::Term& term = d.*of;
    term.value.error = 0;
    for (auto& group : term.gradient) {
      group.second.total.error.clear();
      for (auto& path : group.second.by_path) path.second.error.clear();
    }
  }
  return d;
}

Values Values::combined(Values a, const Values& b, double sign) {
  if (a.value.size() != b.value.size())
    throw Error(Where::here(), fmt::format("verify: {} numbers and {} numbers", a.value.size(), b.value.size()));
  for (size_t i = 0; i < a.value.size(); ++i) {
    a.value[i] += sign * b.value[i];
    a.error[i] = std::hypot(a.error[i], b.error[i]);
  }
  if (!a.freedom || (b.freedom && b.freedom < a.freedom)) a.freedom = b.freedom;
  return a;
}
Values Values::scaled(double k) const {
  Values out = *this;
  for (double& x : out.value) x *= k;
  for (double& x : out.error) x *= std::abs(k);
  return out;
}
Values joined(std::initializer_list<Values> parts) {
  Values out;
  for (const Values& p : parts) {
    out.value.insert(out.value.end(), p.value.begin(), p.value.end());
    out.error.insert(out.error.end(), p.error.begin(), p.error.end());
    if (p.freedom) out.freedom = out.freedom ? std::min(out.freedom, p.freedom) : p.freedom;
  }
  return out;
}
double norm(const Values& a) {
  double s = 0;
  for (double x : a.value) s += x * x;
  return std::sqrt(s);
}

Distance distance(const Values& a, const Values& b, double rounding) {
  const Values difference = a - b;
  Distance d;
  for (size_t i = 0; i < a.value.size(); ++i) {
    const double off = std::abs(difference.value[i]), scale = 1 + std::abs(b.value[i]);
    if (!std::isfinite(off)) {
      d.error = d.z = INFINITY;
    } else if (difference.error[i] > 0) {
      ++d.comparisons;
      d.z = std::max(d.z, normal_deviation(std::max(0.0, off - rounding * scale) / difference.error[i], difference.freedom));
    } else {
      d.error = std::max(d.error, off / scale);
    }
  }
  return d;
}

double normal_deviation(double t, int64_t freedom) {
  if (freedom <= 0) return std::abs(t);
  const double n = static_cast<double>(freedom);
  return (8 * n + 1) / (8 * n + 3) * std::sqrt(n * std::log1p(t * t / n));
}

double threshold(int64_t comparisons) {
  const double tail = false_alarm / (2 * static_cast<double>(std::max<int64_t>(1, comparisons)));
  double low = 0, high = 40;
  while (high - low > 1e-12) {
    const double z = 0.5 * (low + high);
    (0.5 * std::erfc(z / std::sqrt(2.0)) > tail ? low : high) = z;
  }
  return high;
}

}  // namespace scoregrad::verify
