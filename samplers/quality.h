// How good samples are beside real ones, in numbers of the field. Rows are images or, better, a classifier's features of them; everything
// is computed in float64 and nothing is recorded.
#pragma once
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::samplers {

/// |m_x - m_y|^2 + tr(S_x + S_y - 2 (S_x^1/2 S_y S_x^1/2)^1/2) from means and unbiased covariances: the squared Wasserstein distance of two
/// Gaussians. Biased upwards by finite sets: compare it with `frechet_floor` at the same sizes.   x [n, d], y [m, d], n and m at least 2
/// (Dowson & Landau 1982, Heusel et al. 2017)
double frechet_distance(const Tensor& x, const Tensor& y, Where at = Where::here());

/// The same with what it is worth: both sets are drawn anew from their own rows so many times.
struct FrechetDistance {
  double value = 0;
  double error = 0;  ///< standard deviation over the draws
  double floor = 0;  ///< mean between two sets of these sizes that are both drawn from y's rows: what a perfect sampler gets
};
FrechetDistance frechet_distance(const Tensor& x, const Tensor& y, const Key& key, int64_t draws = 20, Where at = Where::here());

/// How n labels fall into classes that have the given probabilities.
struct ClassShares {
  Tensor counts;               ///< int64 [k]
  double chi_squared = 0;      ///< sum (count - n p)^2 / (n p): about k - 1 with a deviation of sqrt(2 (k - 1)) if p is right
  double total_variation = 0;  ///< 1/2 sum |count / n - p|
};
/// labels int64 [n] in 0 .. k - 1, probabilities [k], scaled to sum one
ClassShares class_shares(const Tensor& labels, const Tensor& probabilities, Where at = Where::here());

/// Shares of samples that lie where real rows are, and of real rows that samples reach: within the distance of some row of the other set
/// to its k-th neighbour in its own set. All n m distances are held at once.   x [n, d] samples, y [m, d] real, n and m above k
/// (Kynkaanniemi et al. 2019)
struct PrecisionRecall {
  double precision = 0, recall = 0;
};
PrecisionRecall precision_recall(const Tensor& x, const Tensor& y, int64_t k = 3, Where at = Where::here());

}  // namespace scoregrad::samplers
