// The losses of a law on the line as sums over a fine grid of x_t itself, which share nothing with the library's exact sums.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/graph/gradient.h"
#include "losses/decomposition.h"
#include "losses/score_matching.h"
#include "tests/catch.h"

namespace on_a_grid {

using namespace scoregrad;

inline const Options f64{.dtype = float64};

/// Midpoints of cells that cover the law to 10 deviations, `fineness` in the smallest deviation or in `finest`.
struct Grid {
  double low = INFINITY, high = -INFINITY, least = 0;
  int64_t count = 0;

  Grid(const distributions::Mixture& q, double finest, double fineness = 24) {
    const std::vector<double> means = q.means.detach().to_vector<double>(), deviations = q.factors.detach().to_vector<double>();
    least = finest;
    for (size_t i = 0; i < means.size(); ++i) {
      low = std::min(low, means[i] - 10 * deviations[i]), high = std::max(high, means[i] + 10 * deviations[i]);
      least = std::min(least, deviations[i]);
    }
    count = static_cast<int64_t>(fineness * (high - low) / least);
  }
  double cell() const { return (high - low) / static_cast<double>(count); }
  /// Calls f with some of the points at a time.   [n, 1]
  template <class F>
  void for_points(const F& f) const {
    for (int64_t first = 0; first < count; first += 65536) {
      const int64_t n = std::min<int64_t>(65536, count - first);
      f(reshape(low + (arange(static_cast<double>(first), static_cast<double>(first + n), 1, f64) + 0.5) * cell(), {n, 1}));
    }
  }
};

struct Losses {
  double dsm, esm, ism, c2;
};
struct Right {
  Losses value, slope;
  double rounding = 0;  // of the slopes beside the values: x_t is rounded where the density changes within the least deviation
};
/// Values and total derivatives in c [1] of a conditional score under x_t ~ q, which depends on c.
inline Right losses_of(const distributions::Mixture& q, const Tensor& c, const losses::ConditionalScore& score, double sigma,
                       double finest = 1) {
  const Grid grid(q, finest);
  Tensor sums = zeros({3}, f64), slopes = sums;
  grid.for_points([&](const Tensor& points) {
    const Tensor x = Tensor(points).requires_grad(), weight = exp(q.log_density(x)) * grid.cell();
    const Tensor s = score(x, broadcast_to(unsqueeze(c, 0), {x.extent(0), 1})), target = q.score(x), implicit = losses::ism(s, x);
    const Tensor each = stack({sum(weight * losses::esm(s, target)), sum(weight * implicit), sum(weight * losses::c2(target))});
    sums = sums + each.detach();
    std::vector<double> slope;
    for (int64_t i = 0; i < 3; ++i) slope.push_back(grad(select(each, 0, i), c).item());
    slopes = slopes + from(slope, f64);
  });
  const std::vector<double> v = sums.to_vector<double>(), g = slopes.to_vector<double>();
  return {{v[1] + 0.5 / (sigma * sigma), v[0], v[1], v[2]}, {g[1], g[0], g[1], g[2]}, 2e-17 / (grid.least * grid.least)};  // DSM = ISM + C3
}

/// The stated errors bound the distance to these, values and derivatives in "c", but for the rounding of the grid's own sums.
inline void check_bounds(const losses::Decomposition& d, const Right& right) {
  const auto& [value, slope, rounding] = right;
  const std::pair<const losses::Term*, std::pair<double, double>> all[] = {
      {&d.dsm, {value.dsm, slope.dsm}}, {&d.esm, {value.esm, slope.esm}}, {&d.ism, {value.ism, slope.ism}}, {&d.c2, {value.c2, slope.c2}}};
  for (const auto& [term, want] : all) {
    const losses::Gradient& g = term->gradient.at("c").total;
    const double got = g.mean[0].item(), stated = g.error[0].item();
    CAPTURE(term - &d.dsm, term->value.mean, term->value.error, want.first, got, stated, want.second);
    CHECK(std::abs(term->value.mean - want.first) <= term->value.error + 2e-14 * std::abs(want.first));
    CHECK(std::abs(got - want.second) <= stated + 2e-14 * std::abs(want.second) + rounding * std::abs(want.first));
  }
}

}  // namespace on_a_grid
