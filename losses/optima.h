// Where gradient descent on the losses ends, and how fast, in the cases that can be solved: numbers for experiments to be compared with.
// Everywhere x_t = x + sigma eps, and flows are dx/dt = -d loss/dx.
#pragma once
#include <vector>

#include "autograd/backend/where.h"

namespace scoregrad::losses::closed_form {

/// p = N(mu, v) in one dimension under the frozen score s(x) = -w (x - a).
struct FrozenScore {
  double w, a, sigma;
  /// DSM at p:  1/2 [w^2 ((mu - a)^2 + v) + (1/sigma - w sigma)^2].
  double dsm(double mu, double v) const;
  /// The variance that minimises DSM + gamma C2:  max(0, sqrt(gamma)/w - sigma^2). gamma = 0 is DSM, a point; gamma = 1 is ESM.
  double best_variance(double gamma) const;
  /// dv/dt of the flow of DSM + gamma C2 in v:  -(w^2 - gamma/(v + sigma^2)^2) / 2.
  double variance_rate(double v, double gamma) const;
  /// When DSM's flow has shrunk v0 to a point:  2 v0 / w^2.
  double collapse_time(double v0) const;
};

/// p = N(mu, v) under its own exact score, which follows it.
struct FollowingScore {
  double sigma;
  /// DSM, all of it C3 - C2:  1/2 [1/sigma^2 - 1/(v + sigma^2)]. ESM is 0.
  double dsm(double v) const;
  /// The flow of DSM from v0:  (v + sigma^2)^3 = (v0 + sigma^2)^3 - 3 t / 2, until v = 0.
  double variance_at(double t, double v0) const;
  /// (2/3) ((v0 + sigma^2)^3 - sigma^6).
  double collapse_time(double v0) const;
  /// d/dv of DSM + gamma C2:  (1 - gamma) / (2 (v + sigma^2)^2).
  double slope(double v, double gamma) const;
};

/// x ~ N(0, lambda) seen through a linear code of signal-to-noise ratio k, 1 + k = lambda / Var(x | c), with the exact score.
struct LinearCode {
  double lambda, sigma;
  double posterior_variance(double k) const { return lambda / (1 + k); }
  /// 1/2 [1/sigma^2 - 1/(Var(x | c) + sigma^2)].
  double dsm(double k) const;
  /// The k that minimises dsm(k) + beta I(x; c), I = 1/2 log(1 + k). ESM, which is 0 for every k, has its optimum at k = 0.
  double best_ratio(double beta) const;
};

/// x = +-1 with equal probability, c = phi x + tau eta.
struct BinaryCode {
  double sigma, tau;
  double c2(double phi) const;
  double c2_slope(double phi) const;
};

/// Ratios k_i with a given sum that minimise the sum of LinearCode{lambda_i, sigma}.dsm(k_i):
/// k_i = max(0, (sqrt(lambda_i / (2 nu)) - lambda_i) / sigma^2 - 1).
struct WaterFilling {
  std::vector<double> ratios;
  double multiplier = 0;  ///< nu
  double dsm = 0;         ///< the sum at the optimum
};
WaterFilling water_filling(const std::vector<double>& lambdas, double sigma, double total_ratio, Where at = Where::here());

}  // namespace scoregrad::losses::closed_form
