// How far samples are from a law whose score is known, or from other samples. All pairs of n particles are compared, O(n^2 d); nothing is
// recorded.
#pragma once
#include "samplers/sampling.h"

namespace scoregrad::samplers {

/// An average over all pairs (a U-statistic: unbiased) and its standard error, which holds also where the two laws are equal and the value
/// only scatters about 0.
struct PairAverage {
  double value = 0, error = 0;
};

/// Squared kernel Stein discrepancy of particles and a score, with the kernel (scale^2 + |x - y|^2)^(-1/2):  mean over pairs of
/// s(x)'s(y) k + s(x)'grad_y k + s(y)'grad_x k + tr grad_x grad_y k, in float64.   0 if the score is that of the particles' law; blind to
/// the weights of modes that lie far apart.   x [n, d], n at least 3   (Gorham & Mackey 2017)
PairAverage kernel_stein_discrepancy(const Tensor& x, const ScoreFunction& score, double scale = 1, Where at = Where::here());

/// Squared maximum mean discrepancy with the kernel exp(-|x - y|^2 / (2 width^2)), in float64; width 0 takes the median distance of the
/// joined sets, and throws Error if that is 0. Sets of one size are compared in pairs (x_i, y_i), others as they are.   x [n, d], y [m, d],
/// n and m at least 3   (Gretton et al. 2012, equations 4 and 3)
PairAverage mean_discrepancy(const Tensor& x, const Tensor& y, double width = 0, Where at = Where::here());
/// The median distance between different rows of x, of at most `most` of them evenly chosen; NaN if a row is not finite.
double median_distance(const Tensor& x, int64_t most = 500, Where at = Where::here());

/// Sliced Wasserstein distance of order 2: the root mean square distance of sorted projections, over so many random directions.
/// x, y [n, d]   (Rabin et al. 2012)
double sliced_wasserstein(const Tensor& x, const Tensor& y, const Key& key, int64_t directions = 128, Where at = Where::here());

}  // namespace scoregrad::samplers
