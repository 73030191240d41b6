// A set-up at one noise level: its rows, drawn or as nodes of an exact sum, and what an estimator of C2 may ask besides: further x under
// the same condition and, where they are known, the exact score, the density and a second draw of x given x_t. `decompose` and the
// estimators both stand on it; there is one for each set-up of losses/setup.h, and most need only samples.
#pragma once
#include <limits>

#include "distributions/quadrature.h"
#include "losses/rows.h"
#include "losses/setup.h"

namespace scoregrad::losses {

/// Part of the expectation over a set-up as an integral over standard normals. All parts together are the whole.
struct Integral {
  int64_t normals = 0;   ///< dimensions
  int64_t rows = 1;      ///< rows that one node becomes
  double narrowest = 1;  ///< the width of the law's narrowest feature, in deviations of what this part integrates over
  std::function<Rows(const distributions::quadrature::Nodes& nodes)> at;
};

/// Further x that might have been behind x_t, each with a weight.
struct Candidates {
  Tensor x;                    ///< [n, k, d], or [k, d] for all rows alike
  Tensor log_weight = {};      ///< [n, k]: log of p(x | c) over the density that x was drawn from, up to a term in c; undefined: equal
  Tensor own_log_weight = {};  ///< [n]: the same for the row's own x; undefined: 0
};

/// A second, independent draw from p(x | x_t, c).
struct SecondDraw {
  Tensor x;                     ///< [n, d], reparametrised in what is continuous
  Tensor log_probability = {};  ///< [n]: of its discrete choice, for the score-function part of the gradient; undefined: no choice
};

struct Population {
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

  int64_t dim = 0;
  Options options = {};
  /// True for encoders: c is drawn along with x. False where c is a parameter that shapes the law.
  bool c_is_drawn = false;
  /// How many others there are; for a finite data set they are drawn without replacement, and all of them with x make its exact law.
  int64_t others_in_all = unlimited;
  /// False if the others do not have x's own law, so that x must not be counted among them.
  bool exchangeable = true;
  /// True if the law's weights are tracked, to which `draw` carries no gradient; `stratified` and `integrals` do.
  bool weights_move = false;

  /// n rows, all alike.
  std::function<Rows(int64_t n, const Key& key)> draw;
  /// The same, or, for mixtures and several conditions, n rows of each component and condition, weighted.
  std::function<Rows(int64_t n, const Key& key)> stratified = {};
  int64_t strata = 1;  ///< rows for each of those n
  /// The expectation as an exact sum; empty where only samples can be had.
  std::vector<Integral> integrals = {};
  /// From the first component's or datum's x_t to another's: losses/line.h. Empty unless the weights are tracked.
  std::function<distributions::quadrature::Rule()> line = {};
  /// How many roundings of the law's numbers one of x_t and s* may amount to: the condition of the widths of x_t, each direction by itself,
  /// and the distance of x_t from the origin in its least deviations. Unknown: 1.
  std::function<double()> conditioning = {};
  /// k others for each row, its own x not among them.
  std::function<Candidates(const Rows& rows, int64_t k, const Key& key)> others;
  // What need not be known is empty.
  std::function<Tensor(const Rows& rows)> score = {};  ///< s*(x_t, c) [n, d], on paths of its own: see losses/decomposition.h
  std::function<Tensor(const Rows& rows, const Tensor& x)> log_density = {};  ///< log p(x | c): x [n, k, d] -> [n, k]
  std::function<SecondDraw(const Rows& rows, const Key& key)> second = {};
};

/// Throw Error where a gradient would be asked for that samples cannot carry (to the weights of a mixture or a data set), and for noise
/// levels that are not single positive numbers. For a batch of j conditions, draw(n) needs n divisible by j.
Population population(const Generated& setup, const Level& level, Where at = Where::here());
Population population(const FreeCondition& setup, const Level& level, Where at = Where::here());
Population population(const InputDistribution& setup, const Level& level, Where at = Where::here());
Population population(const distributions::LinearEncoder& setup, const Level& level, Where at = Where::here());
/// others() encodes the k + 1 data that it hands out, not the whole data set.
Population population(const distributions::NoisyEncoder& setup, const Level& level, Where at = Where::here());
/// Others are shared by all rows: k calls of the generator, not n k.
Population population(const SampledGenerated& setup, const Level& level, Where at = Where::here());
/// Others are fresh data, shared by all rows, weighted with N(c; f(x), tau^2).
Population population(const SampledEncoder& setup, const Level& level, Where at = Where::here());

/// The same population whose others are drawn near the denoised point, x ~ N((x_t + sigma^2 s)/alpha, (width sigma/alpha)^2), and weighted
/// for it. At small sigma hardly any x from p(x | c) lies near x_t; these do. Needs the density; s need not be exact.
Population posterior_centred(const Population& p, const ConditionalScore& s, double width = 1.3, Where at = Where::here());

}  // namespace scoregrad::losses
