// The populations of the set-ups whose score is known, before an estimator's demands on them are checked: a level may differ from condition
// to condition, weights may be tracked and an encoder may be without noise.
#pragma once
#include "losses/population.h"

namespace scoregrad::losses {

Population set_up(const Generated& setup, const Level& level, Where at);
Population set_up(const FreeCondition& setup, const Level& level, Where at);
Population set_up(const InputDistribution& setup, const Level& level, Where at);
Population set_up(const distributions::LinearEncoder& setup, const Level& level, Where at);
Population set_up(const distributions::NoisyEncoder& setup, const Level& level, Where at);

/// The level on a named path.
Level on_path(const Level& level, const char* label);
/// Rows from x ~ p(x | c), with eps drawn.   x [n, d]
Rows noised(const Tensor& x, const Level& level, const Key& key);
/// The same rows, equally weighted.
Rows alike(Rows rows);
/// log N(c; f, tau^2) up to a term in c.   c [n, m], f [n, k, m] or [k, m] -> [n, k]
Tensor log_code_weight(const Tensor& c, const Tensor& f, const Number& tau);

/// The parts of a finite data set's population: draw, others, score, second.
Population of_points(const distributions::FiniteData& data, const Level& level, Where at);
/// Population::conditioning of points: their largest coordinate in deviations.
double conditioning_of(const Tensor& points, const Number& alpha, const Number& sigma);
/// k others of the row's own datum, as places in a short list of data.
struct Subset {
  Tensor data;   ///< int64 [k + 1], or [k] if there are no more
  Tensor where;  ///< int64 [n, k]: where in `data` each row finds its others
};
Subset subset(const Rows& rows, int64_t total, int64_t count, const Key& key, Where at);
/// x[which].   x [k, ..], which int64 of any shape -> [which.shape, ..]
Tensor picked(const Tensor& x, const Tensor& which);
/// x given x_t of each row, for x ~ N(mean, factor factor').   mean [n, d], factor [d, d] -> [n, d]
Tensor given_gaussian(const Rows& rows, const Tensor& mean, const Tensor& factor, const Key& key);
/// A choice of one of the points for each row.   posterior [n, k], points [k, d]
SecondDraw chosen(const Tensor& posterior, const Tensor& points, const Key& key);
/// Throws Error if the weights are tracked: samples carry no gradient to them.
void check_fixed_weights(const Tensor& log_weights, const char* of, Where at);

}  // namespace scoregrad::losses
