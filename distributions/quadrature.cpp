#include "distributions/quadrature.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

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
  r.step = step;
  return r;
}

Rule gauss_legendre(int count, Where at) {
  if (count < 1) throw Error(at, fmt::format("gauss_legendre: {} nodes", count));
  Rule r;
  for (int i = 0; i < count; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (count + 0.5)), slope = 1;
    for (int newton = 0; newton < 8; ++newton) {
      double before = 1, last = x;
      for (int k = 2; k <= count; ++k) before = std::exchange(last, ((2 * k - 1) * x * last - (k - 1) * before) / k);
      slope = count * (x * last - before) / (x * x - 1);
      x -= last / slope;
    }
    r.nodes.push_back(0.5 * (1 - x));
    r.weights.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return r;
}

namespace {

int64_t side(const Rule& rule) { return static_cast<int64_t>(rule.nodes.size() / 2); }
Rule spaced(int64_t side, double step, Where at) { return trapezoid(static_cast<double>(side) * step, step, at); }
// Gauss-Hermite has the moments 1, 0, 1, 0, 3 from three nodes on; whatever else its caller made.
bool is_gauss_hermite(const Rule& rule) {
  const int n = static_cast<int>(rule.nodes.size());
  if (n < 1 || n > 350) return false;
  const Rule own = gauss_hermite(n);
  for (size_t i = 0; i < own.nodes.size(); ++i)
    if (std::abs(own.nodes[i] - rule.nodes[i]) > 1e-12 || std::abs(own.weights[i] - rule.weights[i]) > 1e-12) return false;
  return true;
}

}  // namespace

void check(const Rule& rule, Where at) {
  if (rule.nodes.size() != rule.weights.size())
    throw Error(at, fmt::format("quadrature: a rule of {} nodes with {} weights", rule.nodes.size(), rule.weights.size()));
}
Rule finer(const Rule& rule, Where at) {
  check(rule, at);
  if (rule.step > 0) return spaced(2 * side(rule), rule.step / 2, at);
  if (!is_gauss_hermite(rule)) throw Error(at, "quadrature: no rule is known to be finer than nodes of one's own");
  return gauss_hermite(static_cast<int>((3 * rule.nodes.size() + 1) / 2), at);
}
Rule coarser(const Rule& rule) {
  if (rule.step > 0) return side(rule) < 2 ? Rule{} : spaced(side(rule) / 2, 2 * rule.step, Where::here());
  return rule.nodes.size() < 2 || !is_gauss_hermite(rule) ? Rule{} : gauss_hermite(static_cast<int>(2 * rule.nodes.size() / 3));
}
double nested(const Rule& coarse, const Rule& fine) {
  if (!(coarse.step > 0) || coarse.step != 2 * fine.step || 2 * side(coarse) > side(fine)) return 0;
  return coarse.weights[static_cast<size_t>(side(coarse))] / fine.weights[static_cast<size_t>(side(fine))];
}
double beyond(const Rule& rule) {
  if (!(rule.step > 0)) return 0;
  const double edge = rule.nodes.back();
  return std::erfc(edge / std::sqrt(2.0)) * (2 + edge * edge);
}

double count(const Rule& rule, int64_t dims, double cutoff) {
  // Nodes by how far the logarithm of their weight lies below the largest one, one dimension after the other.
  constexpr size_t bins = 4096;
  const double largest = *std::max_element(rule.weights.begin(), rule.weights.end()), depth = -std::log(cutoff);
  std::vector<std::pair<size_t, double>> one;
  for (double w : rule.weights) {
    const double place = std::log(largest / w) / depth * (bins - 1);
    if (place < bins) one.emplace_back(static_cast<size_t>(std::lround(place)), 1.0);
  }
  std::vector<double> nodes(bins, 0.0);
  nodes[0] = 1;
  for (int64_t i = 0; i < dims; ++i) {
    std::vector<double> next(bins, 0.0);
    for (size_t b = 0; b < bins; ++b)
      if (nodes[b] > 0)
        for (const auto& [place, weight] : one)
          if (b + place < bins) next[b + place] += nodes[b] * weight;
    nodes = std::move(next);
  }
  double total = 0;
  for (double n : nodes) total += n;
  return total;
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

Grid::Grid(Rule rule, int64_t dims, Options options, double cutoff, const Rule& without, Where at)
    : rule_(std::move(rule)), at_(static_cast<size_t>(dims), 0), more_(!rule_.nodes.empty()), options_(options) {
  check(rule_, at);
  if (nested(without, rule_) > 0) coarse_side_ = side(without);
  largest_ = rule_.weights.empty() ? 0 : *std::max_element(rule_.weights.begin(), rule_.weights.end());
  smallest_ = cutoff * std::pow(largest_, static_cast<double>(dims));
}

// The next node that differs in this dimension or one before it.
void Grid::advance(size_t axis) {
  for (size_t i = axis + 1; i < at_.size(); ++i) at_[i] = 0;
  while (++at_[axis] == rule_.nodes.size()) {
    at_[axis] = 0;
    if (axis == 0) {
      more_ = false;
      return;
    }
    --axis;
  }
}

bool Grid::among_coarse() const {
  for (size_t i : at_) {
    const int64_t from_middle = static_cast<int64_t>(i) - side(rule_);
    if (from_middle % 2 || std::abs(from_middle) > 2 * coarse_side_) return false;
  }
  return coarse_side_ >= 0;
}

Nodes Grid::next(int64_t count) {
  const size_t dims = at_.size();
  std::vector<double> z, weights;
  while (more_ && static_cast<int64_t>(weights.size()) < count) {
    double w = 1, most = smallest_ > 0 ? std::pow(largest_, static_cast<double>(dims)) : 1;
    size_t axis = 0;
    for (; axis < dims; ++axis) {
      w *= rule_.weights[at_[axis]];
      most *= rule_.weights[at_[axis]] / largest_;
      if (most < smallest_ * (1 - 1e-9)) break;  // whatever the further coordinates are
    }
    if (axis < dims && axis + 1 < dims) {
      advance(axis);
      continue;
    }
    if (axis == dims && w >= smallest_ && !among_coarse()) {
      for (size_t i : at_) z.push_back(rule_.nodes[i]);
      weights.push_back(w);
    }
    if (dims == 0)
      more_ = false;
    else
      advance(dims - 1);
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

Nodes product(const Rule& rule, int64_t dims, Options options, Where at) {
  return Grid(rule, dims, options, 1e-17, {}, at).next(std::numeric_limits<int64_t>::max());
}

}  // namespace scoregrad::distributions::quadrature
