#include "distributions/quadrature.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace scoregrad::distributions::quadrature {
namespace {

// The orthonormal polynomials of N(0, 1) at x: p_(k+1) = (x p_k - sqrt(k) p_(k-1)) / sqrt(k+1).
struct Orthonormal {
  double last;       // p_n
  double before;     // p_(n-1)
  double squares;    // p_0^2 + ... + p_(n-1)^2
  int sign_changes;  // along p_0 ... p_n: the number of zeros of p_n above x
};
Orthonormal orthonormal(int n, double x) {
  double before = 0, last = 1, squares = 0;
  int changes = 0;
  for (int k = 0; k < n; ++k) {
    squares += last * last;
    const double next = (x * last - std::sqrt(static_cast<double>(k)) * before) / std::sqrt(k + 1.0);
    if ((next < 0) != (last < 0)) ++changes;
    before = last;
    last = next;
  }
  return {last, before, squares, changes};
}

}  // namespace

Rule trapezoid(double half_width, double step, Where at) {
  if (!(half_width > 0) || !(step > 0)) throw Error(at, fmt::format("trapezoid: half width {} and step {}", half_width, step));
  const int side = static_cast<int>(std::lround(half_width / step));
  Rule r;
  double total = 0;
  for (int i = -side; i <= side; ++i) {
    const double x = i * step, w = std::exp(-0.5 * x * x);
    r.nodes.push_back(x);
    r.weights.push_back(w);
    total += w;
  }
  for (double& w : r.weights) w /= total;
  return r;
}

Rule gauss_hermite(int count, Where at) {
  // Beyond 350 nodes the outermost weights underflow and the polynomials overflow.
  if (count < 1 || count > 350) throw Error(at, fmt::format("gauss_hermite: {} nodes, but 1 to 350 are possible", count));
  Rule r;
  r.nodes.resize(static_cast<size_t>(count));
  r.weights.resize(static_cast<size_t>(count));
  const double bound = 2 * std::sqrt(static_cast<double>(count)) + 1;  // all zeros lie within
  for (int i = 0; i < count; ++i) {
    double low = -bound, high = bound;  // the zero with i zeros below it, caught by counting, then polished
    while (high - low > 1e-8 * bound) {
      const double middle = 0.5 * (low + high);
      (count - orthonormal(count, middle).sign_changes > i ? high : low) = middle;
    }
    double x = 0.5 * (low + high);
    for (int newton = 0; newton < 3; ++newton) {
      const Orthonormal p = orthonormal(count, x);
      x -= p.last / (std::sqrt(static_cast<double>(count)) * p.before);
    }
    if (2 * i + 1 == count) x = 0;
    r.nodes[static_cast<size_t>(i)] = x;
    r.weights[static_cast<size_t>(i)] = 1 / orthonormal(count, x).squares;
  }
  return r;
}

Grid::Grid(Rule rule, int64_t dims, Options options, double cutoff)
    : rule_(std::move(rule)), at_(static_cast<size_t>(dims), 0), more_(!rule_.nodes.empty()), options_(options) {
  const double largest = rule_.weights.empty() ? 0 : *std::max_element(rule_.weights.begin(), rule_.weights.end());
  smallest_ = cutoff * std::pow(largest, static_cast<double>(dims));
}

Nodes Grid::next(int64_t count) {
  const size_t dims = at_.size();
  std::vector<double> z, weights;
  while (more_ && static_cast<int64_t>(weights.size()) < count) {
    double w = 1;
    for (size_t i : at_) w *= rule_.weights[i];
    if (w >= smallest_) {
      for (size_t i : at_) z.push_back(rule_.nodes[i]);
      weights.push_back(w);
    }
    size_t axis = dims;
    while (axis > 0 && ++at_[axis - 1] == rule_.nodes.size()) at_[--axis] = 0;
    more_ = axis > 0;
  }
  if (weights.empty()) return {};
  const int64_t n = static_cast<int64_t>(weights.size());
  return {from(z, {n, static_cast<int64_t>(dims)}, options_), from(weights, options_)};
}

double Grid::progress() const {
  if (!more_) return 1;
  double place = 0, scale = 1;
  for (size_t i : at_) place += (scale /= static_cast<double>(rule_.nodes.size())) * static_cast<double>(i);
  return place;
}

Nodes product(const Rule& rule, int64_t dims, Options options) {
  return Grid(rule, dims, options).next(std::numeric_limits<int64_t>::max());
}

}  // namespace scoregrad::distributions::quadrature
