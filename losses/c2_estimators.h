// Estimating C2 = E 1/2 |s*(x_t, c)|^2, the bias of denoising score matching, where the exact score s* is not known - and with it the
// loss without the bias. Each estimator is a plain struct; called on a noised batch it gives one value a row, whose autodiff gradient in
// whatever shapes x, c or the encoder is that of C2 up to the bias that is stated. docs/estimating-c2.md compares them with numbers.
//
// N is the number of candidates for x; N candidates make up s_N = sum w_j t_j / sum w_j with w_j = N(x_t; alpha x_j, sigma^2 I) times the
// weight of x_j under c, an estimate of s* whose bias is O(1/N) because it is a ratio.
#pragma once
#include "losses/population.h"

namespace scoregrad::losses {

/// Calls that estimate 1/2 |s*|^2 row by row.   -> [n]
using C2Estimator = std::function<Tensor(const Population& p, const Rows& rows, const Key& key)>;

/// DSM + C2^ - C3 row by row, whose mean is the explicit loss ESM, in value and in all gradients, as far as C2^ is right.
/// s(x_t, c) [n, d], c2_hat [n] -> [n]
Tensor corrected(const Tensor& s, const Rows& rows, const Tensor& c2_hat, Where at = Where::here());
/// 1/2 (s - t).(s - t') with t' = grad log q(x_t | x') for a second x' drawn from p(x | x_t, c): ESM without bias, not bounded below row by
/// row. Gradients as for estimate_c2::Pair.   [n]
Tensor esm_from_pair(const Tensor& s, const Rows& rows, const SecondDraw& second, Where at = Where::here());

namespace estimate_c2 {

/// 1/2 |s*|^2 with the exact score: no bias, least variance. For laws that know their score; for a data set O(n) a row.
struct Exact {
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};

/// 1/2 |s|^2 with the network in place of s*: an error of first order, E div(s* - s). The gradient is right to first order only if s is
/// near s* at all conditions around c and both x_t and c are followed. Under a frozen score of a law that moves it has the wrong sign.
struct PlugIn {
  ConditionalScore score;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};

/// C3 - DSM of a critic that was trained by DSM on the present law: below C2 by the critic's ESM, an error of second order. By the envelope
/// theorem the gradient is the one through the samples alone, critic held fixed as a function: right for the exact critic, off in first
/// order of its error. So where c is a parameter (not an encoder's draw) the critic's own argument c is detached.
struct Critic {
  ConditionalScore score;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};

/// 1/2 t.t' with a second draw x' of p(x | x_t, c): no bias, variance about d / (4 sigma^4). The gradient has a score-function part where
/// x' is a choice among components or data.
struct Pair {
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};

/// 1/2 |s_N|^2 from `count` others: bias about +b/N. Large where x_t lies far from all of them, as at small sigma.
struct LeaveOneOut {
  int64_t count = 64;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};
/// 1/2 |s_N|^2 from x itself and count - 1 others: its mean is C2 of the law of `count` data, never below C2, at most C3, and falls with
/// the count. With all of a finite data set it is exact.
struct LeaveOneIn {
  int64_t count = 64;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};
/// 1/2 t.s_N from `count` others, with t of x itself: bias O(1/N), usually the smallest of the four; not bounded below row by row.
struct Cross {
  int64_t count = 64;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};
/// 2 f_N - (f_a + f_b)/2 with f as in LeaveOneOut for all and for either half: bias O(1/N^2), more variance. count: even.
struct HalfJackknife {
  int64_t count = 64;
  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
};

/// Randomised multilevel Monte Carlo: without bias from a finite number of samples. With f_l = 1/2 |s_N|^2 from N = base 2^l others and
/// D_l = f_l - (f_a + f_b)/2 from all and from either half of the same,   C2^ = f_0 + D_L / p_L,   L = l >= 1 with p_l ~ 2^(-rate l).
/// The cost is finite for rate > 1 and the variance for rate < decay, where Var D_l ~ 2^(-decay l): decay is about 2 for a proposal near
/// the posterior, and for others from p(x | c) only min(2, 1 + sigma^2 / (2 v)), v the largest variance of x given c (prior_decay).
/// (Rhee & Glynn 2015)
struct Multilevel {
  int64_t base = 4;
  double rate = 1.5;
  /// Throws Error unless 1 < rate < decay. It has to be stated (prior_decay, or decay_of what level_moments measures), because no finite
  /// sample shows an infinite variance; 0, unstated, is taken as 2 for posterior_centred others and refused for others. A finite data set
  /// needs none.
  double decay = 0;
  /// Levels beyond are left out, and with them what f at base 2^most_levels misses. A finite data set ends the levels itself, exactly.
  int most_levels = 14;
  /// Count x itself among the candidates at every level, where the population allows (always for a data set, never for posterior_centred):
  /// far less variance for others from p(x | c), but a slower decay.
  bool own = true;

  Tensor operator()(const Population& p, const Rows& rows, const Key& key, Where at = Where::here()) const;
  /// Mean number of others a row.
  double cost(const Population& p, Where at = Where::here()) const;
};

/// 1 + sigma^2 / (2 largest_variance), at most 2: how fast Multilevel's levels decay with others from p(x | c) (for Gaussian tails).
double prior_decay(double sigma, double largest_variance, Where at = Where::here());

/// Mean and variance of one of Multilevel's differences D_l.
struct LevelMoments {
  int64_t others = 0;
  double mean = 0, error = 0, variance = 0;
};
/// The levels 1 .. levels from `rows` rows each.
std::vector<LevelMoments> level_moments(const Population& p, const Multilevel& m, int levels, int64_t rows, const Key& key,
                                        Where at = Where::here());
/// What Var D_l ~ 2^(-decay l) gives, by least squares over the levels.
double decay_of(const std::vector<LevelMoments>& levels, Where at = Where::here());

}  // namespace estimate_c2
}  // namespace scoregrad::losses
