#include "autograd/graph/gradcheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/tensor/create.h"

namespace scoregrad {
namespace {

using Values = std::vector<double>;

double dot(const Values& a, const Values& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += a[i] * b[i];
  return s;
}
// What rounding errors of <a, b> are proportional to.
double size(const Values& a, const Values& b) {
  double s = 0;
  for (size_t i = 0; i < a.size(); ++i) s += std::abs(a[i] * b[i]);
  return s;
}

// Numbers in (-1, 1), never near 0 (splitmix64).
class Directions {
 public:
  Values next(int64_t count) {
    Values v(static_cast<size_t>(count));
    for (double& x : v) {
      uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
      const double u = static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
      x = u < 0.5 ? -0.25 - 1.5 * u : 1.75 - 1.5 * u;
    }
    return v;
  }

 private:
  uint64_t state_ = 42;
};

class Check {
 public:
  Check(const Functions& f, const Tensors& xs, const GradcheckOptions& o, Where at) : f_(f), xs_(xs), options_(o), at_(at) {
    for (const Tensor& x : xs)
      if (is_floating(x.dtype())) single_ = x.dtype() == DType::float32;
    const double eps = single_ ? 0x1p-23 : 0x1p-52;
    if (options_.step == 0) options_.step = std::cbrt(eps);
    if (options_.tolerance == 0) options_.tolerance = single_ ? 2e-2 : 1e-6;
    rounding_ = 4096 * eps;
  }

  GradcheckReport run() {
    const RecordingScope scope(true);
    const FunctionScope function(at_);
    const Tensors in = leaves(xs_);
    const Tensor y = f_(in);
    if (!y.tracked()) throw Error(at_, "gradcheck: the result of f does not depend on a floating input");
    const Tensor u = from(directions_.next(y.numel()), y.shape(), like(y)).requires_grad();
    const Tensors wanted = floating(in), g = gradients(y, wanted, u);
    for (size_t i = 0, k = 0; i < in.size(); ++i) {
      if (!is_floating(in[i].dtype())) continue;
      for (int d = 0; d < options_.directions; ++d) first_order(i, d, y, in[i], u, g[k]);
      ++k;
    }
    if (options_.order > 1) second_order(in, y, wanted, u, g);
    return report_;
  }

 private:
  static Tensors leaves(const Tensors& xs) {
    Tensors out;
    for (const Tensor& x : xs) out.push_back(is_floating(x.dtype()) ? alias(x).requires_grad() : x);
    return out;
  }
  static Tensors floating(const Tensors& xs) {
    Tensors out;
    std::copy_if(xs.begin(), xs.end(), std::back_inserter(out), [](const Tensor& x) { return is_floating(x.dtype()); });
    return out;
  }
  Tensors gradients(const Tensor& y, const Tensors& xs, const Tensor& u) const {
    return grad(y, xs, {.seed = u, .create_graph = options_.order > 1, .allow_unused = true}, at_);
  }
  Tensor direction(const Tensor& x) { return from(directions_.next(x.numel()), x.shape(), like(x)); }

  // xs with input i moved by h v.
  Tensors moved(size_t i, const Values& v, double h) const {
    Tensors out = xs_;
    Values x = xs_[i].to_vector<double>();
    for (size_t k = 0; k < x.size(); ++k) x[k] += h * v[k];
    out[i] = from(x, xs_[i].shape(), like(xs_[i]));
    return out;
  }
  double step(size_t i) const {
    double largest = 1;
    for (double v : xs_[i].to_vector<double>()) largest = std::max(largest, std::abs(v));
    return options_.step * largest;
  }

  void compare(const char* what, size_t input, int d, double a, double b, double scale, double tolerance, double& worst) {
    const double error = std::abs(a - b) / std::max({scale, std::abs(a), std::abs(b), 1e-300});
    worst = std::isfinite(error) ? std::max(worst, error) : INFINITY;
    if (error <= tolerance) return;
    report_.passed = false;
    report_.text += fmt::format("input {} {}, direction {}: {}: {:.12g} and {:.12g}, relative {:.3g} > {:.3g}\n", input,
                                to_string(xs_[input].shape()), d, what, a, b, error, tolerance);
  }
  void to_rounding(const char* what, size_t i, int d, double a, double b, double scale) {
    compare(what, i, d, a, b, scale, rounding_, report_.worst_rounding);
  }
  void to_difference(const char* what, size_t i, int d, double a, double b, double scale) {
    compare(what, i, d, a, b, scale, options_.tolerance, report_.worst_difference);
  }

  void first_order(size_t i, int d, const Tensor& y, const Tensor& x, const Tensor& u, const Tensor& g) {
    const Tensor v = direction(x);
    const Values uv = u.to_vector<double>(), vv = v.to_vector<double>(), gv = g.to_vector<double>();
    const Values t = pushforward(y, {x}, {v}, {}, at_).to_vector<double>();
    const double forward = dot(uv, t), scale = std::max(size(uv, t), size(gv, vv));
    to_rounding("<u, J v> and <J'u, v>", i, d, forward, dot(gv, vv), scale);
    const double h = step(i);
    // On leaves again, because f may take gradients itself.
    const Values above = f_(leaves(moved(i, vv, h))).to_vector<double>(), below = f_(leaves(moved(i, vv, -h))).to_vector<double>();
    Values slope(above.size());
    for (size_t k = 0; k < slope.size(); ++k) slope[k] = (above[k] - below[k]) / (2 * h);
    to_difference("<J'u, v> and its central difference", i, d, dot(gv, vv), dot(uv, slope), 0.1 * size(uv, slope));
  }

  void second_order(const Tensors& in, const Tensor& y, const Tensors& wanted, const Tensor& u, const Tensors& g) {
    for (size_t i = 0, k = 0; i < in.size(); ++i) {
      if (!is_floating(in[i].dtype())) continue;
      const Tensor w = direction(in[i]);
      const Values wv = w.to_vector<double>(), uv = u.to_vector<double>();
      const Tensor& gi = g[k++];

      // J'u is linear in u: its derivative there, along w, is J w.
      const Values ju = differentiate(gi, u, w), t = pushforward(y, {in[i]}, {w}, {}, at_).to_vector<double>();
      to_rounding("d<J'u, w>/du and J w", i, 0, dot(ju, uv), dot(t, uv), size(t, uv));

      const Tensor tangent = pushforward(y, {in[i]}, {w}, {.create_graph = true}, at_);
      for (size_t j = 0, l = 0; j < in.size(); ++j) {
        if (!is_floating(in[j].dtype())) continue;
        const Tensor& x = wanted[l++];
        const Tensor v = direction(x);
        const Values vv = v.to_vector<double>(), reverse = differentiate(gi, x, w);
        const Values forward = gi.tracked() ? pushforward(gi, {x}, {v}, {}, at_).to_vector<double>() : Values(wv.size());
        const Values mixed = differentiate(tangent, x, u);
        const double h_rr = dot(reverse, vv), h_fr = dot(forward, wv), h_rf = dot(mixed, vv);
        // Where the second derivative vanishes, what is left is rounding noise of the gradient's size.
        const double noise = size(gi.to_vector<double>(), wv);
        const double scale = std::max({size(reverse, vv), size(forward, wv), size(mixed, vv), noise});
        const std::string with = fmt::format(" (with input {})", j);
        to_rounding(("second order, reverse over reverse and forward over reverse" + with).c_str(), i, 0, h_rr, h_fr, scale);
        to_rounding(("second order, reverse over reverse and reverse over forward" + with).c_str(), i, 0, h_rr, h_rf, scale);
        const double h = step(j);
        const Values above = gradient_at(moved(j, vv, h), i, u), below = gradient_at(moved(j, vv, -h), i, u);
        Values slope(above.size());
        for (size_t m = 0; m < slope.size(); ++m) slope[m] = (above[m] - below[m]) / (2 * h);
        to_difference(("second order and the gradient's central difference" + with).c_str(), i, 0, h_fr, dot(slope, wv),
                      0.1 * std::max(size(slope, wv), noise));
      }
    }
  }
  // d<seed, y>/dx, zeros where there is no dependence.
  Values differentiate(const Tensor& y, const Tensor& x, const Tensor& seed) const {
    if (!y.tracked()) return Values(static_cast<size_t>(x.numel()));
    return grad(y, x, {.seed = seed.detach(), .allow_unused = true}, at_).to_vector<double>();
  }
  Values gradient_at(const Tensors& xs, size_t i, const Tensor& u) const {
    const Tensors in = leaves(xs);
    return grad(f_(in), in[i], {.seed = u.detach(), .allow_unused = true}, at_).to_vector<double>();
  }

  const Functions& f_;
  const Tensors& xs_;
  GradcheckOptions options_;
  Where at_;
  Directions directions_;
  GradcheckReport report_;
  bool single_ = false;
  double rounding_;
};

}  // namespace

GradcheckReport gradcheck(const Functions& f, const Tensors& xs, const GradcheckOptions& options, Where at) {
  return Check(f, xs, options, at).run();
}

}  // namespace scoregrad
