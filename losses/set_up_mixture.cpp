// A mixture of Gaussians as a population: draws, strata, further x and the second draw of x given x_t. Its exact sum is a file of its own.
#include <fmt/format.h>

#include <cmath>

#include "distributions/categorical.h"
#include "losses/line.h"
#include "losses/set_up_law.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;

// x from every component, x_t = alpha x + sigma eps.   z [q, 2 d]
Rows forwards(const Mixture& m, const Level& level, const Tensor& z) {
  const int64_t d = m.dim();
  const Tensor x = m.components().at(slice_axis(z, -1, 0, d)), s = level.sigma.like(x, 4);
  const Tensor eps = broadcast_to(slice_axis(z, -1, d, 2 * d), x.shape());
  return {.x = x, .eps = eps, .xt = level.alpha.like(x, 4) * x + s * eps, .t = -(eps / s), .level = level};
}

// The mixture of each row's condition: leading axis n, or 1 if all rows share one.
Mixture at_rows(const Mixture& m, const Tensor& index) {
  if (m.means.extent(0) == 1) return m;
  return {index_select(m.log_weights, 0, index), index_select(m.means, 0, index), index_select(m.factors, 0, index)};
}
// Points of the rows, one or k a row, as such a mixture takes them, and back.   [n, k, d] <-> [n, k, d] or [1, n k, d]
Tensor folded(const Tensor& x, const Mixture& m) {
  return m.means.extent(0) == x.extent(0) ? x : reshape(x, {1, x.extent(0) * x.extent(1), x.extent(2)});
}

// x given x_t for the Gaussian N(mean, factor factor') of each row: a draw from the joint law, moved by the gain times what it lacks of
// x_t. No factor of the posterior is needed, and the draw is differentiable.   mean [n or 1, d], factor [n or 1, d, d]
Tensor given(const Rows& rows, const Tensor& mean, const Tensor& factor, const Key& key) {
  const Tensor &xt = rows.xt, a = rows.level.alpha.like(xt), s = rows.level.sigma.like(xt);
  const int64_t n = xt.extent(0), d = xt.extent(1);
  const Tensor z = normal({n, d}, key.fold("z"), like(xt)), eps = normal({n, d}, key.fold("eps"), like(xt));
  const Tensor x = mean + squeeze(matmul(unsqueeze(z, 1), transpose(factor)), {1});
  const Tensor covariance = matmul(factor, transpose(factor));
  const Tensor lacking = unsqueeze(xt - a * x - s * eps, -1);  // [n, d, 1]
  const Tensor total = square(a) * covariance + square(s) * eye(d, like(xt));
  const Tensor shared = factor.extent(0) == 1 ? transpose(select(lacking, -1, 0)) : lacking;  // [d, n] for one law
  const Tensor solved = factor.extent(0) == 1 ? unsqueeze(transpose(solve(select(total, 0, 0), shared)), -1) : solve(total, shared);
  return x + a * squeeze(matmul(covariance, solved), {-1});
}

}  // namespace

// c [j, m] or none, law a batch of j mixtures.
Population of_mixture(const Mixture& law, const Tensor& c, const Level& level, Where at) {
  const int64_t j = law.means.extent(0), k = law.count(), d = law.dim();
  Population p;
  p.dim = d;
  p.options = like(law.means);
  p.weights_move = law.log_weights.tracked();
  p.integrals = integrals_of(law, c, level, at);
  p.conditioning = [=] { return conditioning_of(law, level); };
  if (p.weights_move) p.line = [=] { return line_rule(law.detached().noised(level.alpha, level.sigma), at); };
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    if (n % j) throw Error(at, fmt::format("population: {} rows cannot be shared out among {} conditions", n, j));
    const Tensor x = reshape(law.tagged("dist").sample(n / j, key.fold("x"), at), {n, d});
    Rows rows = noised(x, on_path(level, "dist"), key);
    if (j > 1 || c.defined()) {
      std::vector<int64_t> of_row;
      for (int64_t i = 0; i < n; ++i) of_row.push_back(i / (n / j));
      rows.index = indices(of_row, x.device());
      if (c.defined()) rows.c = index_select(c, 0, rows.index);
    }
    return rows;
  };
  p.strata = j * k;
  p.stratified = [=](int64_t q, const Key& key) {
    const CallerScope scope(at);
    const Mixture m = law.tagged("dist");
    const Tensor z = normal({q, 2 * d}, key.fold("x"), like(law.means));
    Rows r = forwards(m, on_path(level, "dist"), z);
    if (law.log_weights.tracked()) r.partner = broadcast_to(slice_axis(r.xt.detach(), 1, 0, 1), r.xt.shape());
    return in_order(r, exp(m.log_probabilities()), full({q}, 1 / static_cast<double>(q), like(z)), c);
  };
  p.others = [=](const Rows& rows, int64_t count, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index);
    const int64_t n = rows.count();
    return {reshape(m.sample(m.means.extent(0) == 1 ? n * count : count, key, at), {n, count, d})};
  };
  p.score = [=](const Rows& rows) {
    const CallerScope scope(at);
    const Level inside = on_path(level, "target");
    const Mixture tagged = law.tagged("target");
    if (!rows.index.defined()) return score_by_runs(tagged.noised(inside.alpha, inside.sigma), rows.xt, j, at);
    const Mixture m = at_rows(tagged, rows.index).noised(inside.alpha, inside.sigma);
    return reshape(m.score(folded(unsqueeze(rows.xt, 1), m), at), rows.xt.shape());
  };
  p.log_density = [=](const Rows& rows, const Tensor& x) {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index);
    return reshape(m.log_density(folded(x, m), at), {x.extent(0), x.extent(1)});
  };
  p.second = [=](const Rows& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index), q = m.noised(level.alpha, level.sigma);
    const int64_t n = rows.count();
    if (k == 1) return {given(rows, select(m.means, 1, 0), select(m.factors, 1, 0), key)};
    const Tensor log_r = log(reshape(q.posterior(folded(unsqueeze(rows.xt, 1), q), at), {n, k}));
    const Tensor which = categorical(log_r, 1, key.fold("component"));  // [n, 1]
    const Tensor flat = m.means.extent(0) == 1 ? select(which, 1, 0)
                                               : select(which, 1, 0) + k * arange(0, static_cast<double>(n), 1, {int64, which.device()});
    const int64_t all = m.means.extent(0) * k;
    return {given(rows, index_select(reshape(m.means, {all, d}), 0, flat), index_select(reshape(m.factors, {all, d, d}), 0, flat), key),
            select(gather(log_r, 1, which), 1, 0)};
  };
  return p;
}

// The linear encoder draws x given (x_t, c) as this one draws x given x_t.
Tensor given_gaussian(const Rows& rows, const Tensor& mean, const Tensor& factor, const Key& key) {
  return given(rows, mean, unsqueeze(factor, 0), key);
}

}  // namespace scoregrad::losses
