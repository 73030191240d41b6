// Is a chain long enough, and do several agree? A chain is one particle's coordinate or any other number over the steps; several are the
// rows of a matrix. All are computed on the host in float64. What holds a number that is not finite answers NaN.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::samplers {

/// Sample autocorrelation, biased:  rho_k = sum_t (x_t - mean)(x_{t+k} - mean) / sum_t (x_t - mean)^2, k = 0 .. lags.   [n] -> [lags + 1]
/// or, row by row, [m, n] -> [m, lags + 1]
Tensor autocorrelation(const Tensor& chains, int64_t lags, Where at = Where::here());
/// Integrated autocorrelation time 1 + 2 sum_k rho_k, summed over pairs rho_2k + rho_2k+1 while they are positive and made to fall; at
/// least 1 / log10 n, for the estimate may come out at 0 or below, and n for a chain that never moves.   [n] -> [], [m, n] -> [m]   (Geyer
/// 1992, initial monotone sequence; the bound: Vehtari et al. 2021)
Tensor autocorrelation_time(const Tensor& chains, Where at = Where::here());
/// n divided by that time, at most n log10 n: how many independent draws would tell the mean of one chain as well.
Tensor effective_sample_size(const Tensor& chains, Where at = Where::here());

/// sqrt(((n - 1)/n W + B/n) / W), W the mean variance within the chains and B/n the variance of their means: near 1 if they agree. It
/// cannot see a region that no chain has found.   [m, n], m and n at least 2   (Gelman & Rubin 1992)
double r_hat(const Tensor& chains, Where at = Where::here());
/// The same with each chain cut in two, so that a chain that drifts disagrees with itself; n at least 4.
double split_r_hat(const Tensor& chains, Where at = Where::here());

// The three of Vehtari et al. (2021), as Stan and ArviZ have them: from all chains together, each cut in two; NaN where all draws are
// equal. Ranks are made normal by Blom's formula, so that laws without a variance and of any scale do.   [n] or [m, n], n at least 4

/// Effective sample size of the chains' ranks: for means and medians.
double bulk_effective_sample_size(const Tensor& chains, Where at = Where::here());
/// The smaller one of the quantiles at 5 % and at 95 %: for intervals.
double tail_effective_sample_size(const Tensor& chains, Where at = Where::here());
/// The larger split R-hat of the ranks, and of the ranks of distances from the median, which see chains that differ in scale. Below 1.01 if
/// they agree.
double rank_r_hat(const Tensor& chains, Where at = Where::here());

/// A share of successes and an interval for it.
struct Share {
  double share = 0, low = 0, high = 0;
  bool contains(double p) const { return low <= p && p <= high; }
};
/// Wilson's interval for a probability from `successes` of n independent trials; z = 1.96 covers 95 %, 4 all but 6e-5. (Wilson 1927)
Share wilson(double successes, double n, double z = 1.96, Where at = Where::here());
/// What share of the particles is nearest to each centre. A particle that is not finite is near none, so that the shares then sum to less
/// than 1. The intervals take the particles as independent.   x [n, d], centres [k, d], k at least 1 -> k shares
std::vector<Share> mode_weights(const Tensor& x, const Tensor& centres, double z = 1.96, Where at = Where::here());

}  // namespace scoregrad::samplers
