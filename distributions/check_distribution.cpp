#include "distributions/check_distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/graph/gradient.h"
#include "distributions/kernel.h"

namespace scoregrad::distributions {
namespace {

double largest(const Tensor& x) { return x.numel() ? max(abs(x)).item() : 0; }
bool finite(const Tensor& x) { return all(abs(x) < INFINITY).item(); }

class Check {
 public:
  Check(const AnyDistribution& p, const CheckOptions& o, Where at) : p_(p), o_(o), d_(p.dim()), type_(p.options()), at_(at) {
    const double eps = type_.dtype == float32 ? 0x1p-23 : 0x1p-52;
    step_ = std::cbrt(eps);
    if (o_.tolerance == 0) o_.tolerance = type_.dtype == float32 ? 3e-2 : 1e-5;
  }

  DistributionReport run() {
    const AnyDistribution fixed = p_.detached();
    {
      const NoGrad guard;
      if (!shapes(fixed)) return report_;
      x_ = fixed.sample(o_.samples, o_.key.fold("x"), at_);
      centre_ = mean(x_, {0});
      scale_ = std::sqrt(mean(square(x_ - centre_)).item());
      if (!(scale_ > 0)) scale_ = 1;
    }
    for (size_t i = 0; i < o_.sigmas.size(); ++i) level(fixed, o_.sigmas[i] * scale_, o_.key.fold(i));
    derivatives();
    return report_;
  }

 private:
  void compare(const std::string& what, double off, double allowed) {
    const bool passed = off <= allowed;  // false for NaN
    report_.comparisons.push_back({what, off, allowed, passed});
    report_.passed = report_.passed && passed;
  }
  // Values, one a draw, whose mean is 0, in units of `unit`.
  void mean_is_zero(const std::string& what, const Tensor& values, double unit) {
    const Tensor v = values.to(float64);
    const double n = static_cast<double>(v.numel()), middle = mean(v).item(), error = std::sqrt(mean(square(v - middle)).item() / n);
    // What is the same in every draw has no scatter but that of rounding.
    compare(what, std::abs(middle) / unit, (o_.deviations * error + 1e-3 * step_ * unit) / unit);
  }

  bool shapes(const AnyDistribution& p) {
    const Tensor x = p.sample(3, o_.key, at_), s = p.noised(o_.alpha, 1.0, at_).score(x);
    const auto right = [&](const char* what, const Tensor& t, const Shape& wanted) {
      if (t.shape() != wanted) report_.notes.push_back(fmt::format("{} is {}, not {}", what, to_string(t.shape()), to_string(wanted)));
      return t.shape() == wanted;
    };
    report_.passed = right("sample(3, key)", x, {3, d_}) && right("the score of three points", s, {3, d_}) &&
                     (!p.has_log_density() || right("log_density of three points", p.log_density(x), {3}));
    if (report_.passed) compare("the same key, the same samples", largest(x - p.sample(3, o_.key, at_)), 0);
    return report_.passed;
  }

  // Everything about one noised law, whose parameters are held.
  void level(const AnyDistribution& p, double sigma, const Key& key) {
    const std::string where = fmt::format(" at sigma {:.3g}", sigma);
    const double a = o_.alpha;
    const NoisedLaw q = p.noised(a, sigma, at_);
    const NoGrad guard;
    const Tensor eps = normal(x_.shape(), key.fold("eps"), like(x_)), xt = a * x_ + sigma * eps, probes = slice_axis(xt, 0, 0, 16);
    against_draws(where, xt, q.score(xt), eps / sigma, key);
    if (!q.log_density) report_.notes.push_back("the noised log-density" + where + " is not known, and was not compared");
    const Tensor log_q = q.log_density ? q.log_density(probes) : Tensor{};
    if (q.log_density) {
      differences("score, by differences of the noised log-density" + where, probes, q);
      // N(x_t; alpha x, sigma^2 I) over draws of x has the mean q(x_t).
      const Tensor kernel = log_kernel(probes, a * slice_axis(x_, 0, 0, o_.samples / 2), sigma) -
                            static_cast<double>(d_) * std::log(sigma * std::sqrt(2 * std::numbers::pi));
      const Tensor ratio = exp(kernel - unsqueeze(log_q, 1).to(kernel.dtype()));  // [16, n]
      mean_is_zero("noised density, by kernels over draws" + where, mean(ratio, {0}) - 1, 1);
    }
    if (q.log_density && p.has_log_density()) {
      // p((x_t - sigma eps) / alpha) over draws of eps has the mean alpha^d q(x_t).
      const int64_t j = 16, n = o_.samples / j;
      const Tensor places = (unsqueeze(probes, 1) - sigma * reshape(slice_axis(eps, 0, 0, j * n), {j, n, d_})) / a;  // [16, n, d]
      const Tensor log_p = reshape(p.log_density(reshape(places, {j * n, d_}), at_), {j, n});
      const Tensor ratio = exp(log_p - unsqueeze(log_q, 1) - static_cast<double>(d_) * std::log(a));
      mean_is_zero("log_density, by the noised density" + where, ratio - 1, 1);
    }
    if (const std::optional<FiniteData> nodes = p.nodes()) {
      const FiniteData sum = nodes->noised(a, sigma, at_);
      const Tensor s = q.score(probes);
      compare("score, by nodes()" + where, largest(sum.score(probes) - s) / largest(s), 2e-3);
      if (q.log_density) compare("noised log-density, by nodes()" + where, largest(sum.log_density(probes) - log_q), 2e-3);
    }
  }

  // The score is the regression of -eps / sigma on x_t, and Stein's identity holds under the law of x_t.
  void against_draws(const std::string& where, const Tensor& xt, const Tensor& s, const Tensor& noise, const Key& key) {
    const double size = std::sqrt(mean(sum(square(s), {1})).item());
    if (!finite(s) || !(size > 0)) return compare("the score is finite and not 0" + where, INFINITY, 0);
    const Tensor left = s + noise;
    mean_is_zero("score, by draws" + where, sum(s * left, {1}), size * size);
    // Bounded functions of x_t, along directions of their own.
    const Tensor w = normal({d_, 8}, key.fold("w"), like(xt)), u = normal({d_, 8}, key.fold("u"), like(xt));
    const Tensor m = mean(xt, {0}), spread = sqrt(mean(square(xt - m)));
    const Tensor h = sin(matmul((xt - m) / spread, w)), along = matmul(left, u / norm(u, {0}, true));  // [n, 8]
    for (int64_t i = 0; i < 8; ++i)
      mean_is_zero(fmt::format("score, by draws and bounded function {}{}", i + 1, where), select(h * along, 1, i), size);
    for (int64_t i = 0; i < std::min<int64_t>(d_, 8); ++i) {
      const Tensor si = select(s, 1, i);
      mean_is_zero(fmt::format("samples, by E s_{} = 0{}", i + 1, where), si, size);
      for (int64_t j = 0; j < std::min<int64_t>(d_, 8); ++j)
        mean_is_zero(fmt::format("samples, by E s_{} x_{} = {}{}", i + 1, j + 1, i == j ? -1 : 0, where),
                     si * select(xt - m, 1, j) + (i == j ? 1.0 : 0.0), 1);
    }
  }

  void differences(const std::string& what, const Tensor& x, const NoisedLaw& q) {
    const double h = step_ * std::max(scale_, largest(x));
    double off = 0;
    const Tensor s = q.score(x);
    for (int64_t i = 0; i < d_; ++i) {
      const Tensor e = h * slice_axis(eye(d_, like(x)), 0, i, i + 1);
      const Tensor slope = (q.log_density(x + e) - q.log_density(x - e)) / (2 * h);
      const double worst = largest(slope - select(s, 1, i));
      off = std::isnan(worst) ? worst : std::max(off, worst);
    }
    compare(what, off / (largest(s) + 1e-3 / scale_), o_.tolerance);
  }

  // What a tensor of results is, as a function of parameters.
  struct Result {
    const char* name;
    std::function<Tensor(const AnyDistribution& p, const Number& alpha, const Number& sigma)> of;
  };

  void derivatives() {
    const RecordingScope recording(true);
    Tensors parameters;
    const AnyDistribution leaf = p_.mapped([&](const Tensor& t) {
      if (is_floating(t.dtype())) parameters.push_back(t.detach().requires_grad());
      return is_floating(t.dtype()) ? parameters.back() : t;
    });
    const double sigma = o_.sigmas.front() * scale_;
    parameters.push_back(scalar(o_.alpha, type_).requires_grad());
    parameters.push_back(scalar(sigma, type_).requires_grad());
    const Tensor x = slice_axis(x_, 0, 0, 16);
    const Tensor xt = o_.alpha * x + sigma * normal(x.shape(), o_.key.fold("derivatives"), like(x));
    std::vector<Result> results = {
        {"samples", [&](const AnyDistribution& p, const Number&, const Number&) { return p.sample(64, o_.key.fold("path"), at_); }},
        {"the score", [&](const AnyDistribution& p, const Number& a, const Number& s) { return p.noised(a, s, at_).score(xt); }}};
    if (p_.has_log_density())
      results.push_back({"log_density", [&](const AnyDistribution& p, const Number&, const Number&) { return p.log_density(x, at_); }});
    if (p_.noised(o_.alpha, sigma, at_).log_density)
      results.push_back({"the noised log-density",
                         [&](const AnyDistribution& p, const Number& a, const Number& s) { return p.noised(a, s, at_).log_density(xt); }});
    for (size_t r = 0; r < results.size(); ++r) derivative(results[r], leaf, parameters, r);
  }

  void derivative(const Result& result, const AnyDistribution& leaf, const Tensors& parameters, size_t r) {
    const Number alpha(parameters[parameters.size() - 2]), sigma(parameters.back());
    if (result.of(leaf.detached(), alpha.detached(), sigma.detached()).tracked())
      report_.notes.push_back(fmt::format("{}: mapped() does not reach every parameter", result.name)), report_.passed = false;
    const Tensor y = result.of(leaf, alpha, sigma), u = normal(y.shape(), o_.key.fold("u").fold(r), like(y));
    const Tensors g = y.tracked() ? grad(y, parameters, {.seed = u, .allow_unused = true}, at_) : Tensors(parameters.size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      const bool level = i + 2 >= parameters.size();
      const std::string name = level ? (i + 1 == parameters.size() ? "sigma" : "alpha") : fmt::format("parameter {}", i + 1);
      const Tensor v = normal(parameters[i].shape(), o_.key.fold("v").fold(i), type_);
      const double h = step_ * std::max(std::min(scale_, 1.0), largest(parameters[i])) / std::max(1.0, largest(v));
      const auto moved = [&](double by) {
        const NoGrad guard;
        const auto at = [&](size_t k) { return k == i ? parameters[k].detach() + by * v : parameters[k].detach(); };
        size_t next = 0;
        const AnyDistribution p = leaf.mapped([&](const Tensor& t) { return is_floating(t.dtype()) ? at(next++) : t; });
        return result.of(p, at(parameters.size() - 2), at(parameters.size() - 1));
      };
      const Tensor change = (moved(h) - moved(-h)) / (2 * h);
      const double slope = sum(u * change).item(), got = g[i].defined() ? sum(g[i] * v).item() : 0, size = norm(u * change).item();
      if (slope == 0 && got == 0) {
        if (!level && r == 0) report_.notes.push_back(fmt::format("samples carry no gradient to {}", name));
        continue;
      }
      compare(fmt::format("d {} / d {}", result.name, name), std::abs(got - slope) / (std::abs(slope) + 1e-2 * size), o_.tolerance);
    }
  }

  const AnyDistribution& p_;
  CheckOptions o_;
  int64_t d_;
  Options type_;
  Where at_;
  double step_ = 0, scale_ = 1;
  Tensor x_, centre_;
  DistributionReport report_;
};

}  // namespace

std::string to_string(const DistributionReport& report) {
  std::string out;
  for (const Comparison& c : report.comparisons)
    out += fmt::format("{} {:<72} {:8.1e}  of {:.1e} allowed\n", c.passed ? " " : "!", c.what, c.off, c.allowed);
  for (const std::string& note : report.notes) out += "  " + note + "\n";
  return out;
}

DistributionReport check_distribution(const AnyDistribution& p, const CheckOptions& options, Where at) {
  if (options.samples < 64 || options.sigmas.empty() || !(options.alpha > 0))
    throw Error(at, "check_distribution: at least 64 samples, one sigma and a positive alpha are needed");
  const CallerScope scope(at);
  return Check(p, options, at).run();
}

}  // namespace scoregrad::distributions
