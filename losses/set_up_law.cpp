// Set-ups with a law p(x | c), one for each of j conditions: a mixture of Gaussians, whose components the exact sums and the stratified
// rows go through one by one, finite data, or any other distribution, which is drawn from or summed over its own nodes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <variant>

#include "distributions/categorical.h"
#include "losses/set_ups.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

// A law as a batch over conditions: a leading axis, of extent one where there is no batch. Points with spread are a mixture.
using Batch = std::variant<Mixture, FiniteData>;

Tensor leading(const Tensor& x, int rank) { return x.defined() && x.rank() < rank ? unsqueeze(x, 0) : x; }

Batch batch(const Mixture& m) { return Mixture{leading(m.log_weights, 2), leading(m.means, 3), leading(m.factors, 4)}; }
Batch batch(const FiniteData& p) { return FiniteData{leading(p.points, 3), leading(p.log_weights, 2), {}}; }
std::optional<Batch> as_batch(const AnyDistribution& law) {
  if (const std::optional<Mixture> m = law.mixture()) return batch(*m);
  if (const FiniteData* p = law.as<FiniteData>()) return batch(*p);
  return {};
}

Tensor flat(const Tensor& x) { return reshape(x, {x.numel() / x.extent(-1), x.extent(-1)}); }

// Rows in the order of conditions, components, noise.   x, eps, x_t, t [j, k, q, d] or [j, k, q, w, d], share [j, k], weights [q]
Rows in_order(Rows r, const Tensor& share, const Tensor& weights, const Tensor& c) {
  const int64_t j = share.extent(0), kq = share.extent(1) * weights.extent(0), n = j * kq;
  const auto by_row = [&](const Tensor& x) {
    return x.rank() == 4 ? reshape(x, {n, x.extent(-1)}) : reshape(x, {n, x.extent(-2), x.extent(-1)});
  };
  r.weight = reshape(unsqueeze(share, -1) * weights / j, {n});
  r.x = by_row(r.x), r.eps = by_row(r.eps), r.xt = by_row(r.xt), r.t = by_row(r.t);
  if (r.partner.defined()) r.partner = by_row(r.partner);
  if (c.defined()) r.c = flat(broadcast_to(unsqueeze(c, 1), {j, kq, c.extent(1)}));
  return r;
}

// x from every component, x_t = alpha x + sigma eps.   z [q, 2 d]
Rows forwards(const Mixture& m, const Level& level, const Tensor& z) {
  const int64_t d = m.dim();
  const Tensor x = m.components().at(slice_axis(z, -1, 0, d)), s = level.sigma.like(x, 4);
  const Tensor eps = broadcast_to(slice_axis(z, -1, d, 2 * d), x.shape());
  return {.x = x, .eps = eps, .xt = level.alpha.like(x, 4) * x + s * eps, .t = -(eps / s), .level = level};
}

// x_t = alpha mean + C u with C C' = S = alpha^2 F F' + sigma^2 I, and then x given x_t: x = mean + F z where z has the covariance
// R R' = (I + alpha^2 F'F / sigma^2)^-1 and the mean (alpha / sigma^2) R R' F' (x_t - alpha mean). DSM is quadratic in z, so that the 2 d
// points +-sqrt(d) e_i in place of its standard normals are exact.
Rows backwards(const Mixture& m, const Level& level, const Tensor& u) {
  const int64_t d = m.dim();
  const Gaussian x = m.components(), noised = x.noised(level.alpha, level.sigma);
  const Tensor identity = eye(d, like(u)), a = level.alpha.like(u, 4), s = level.sigma.like(u, 4), v = square(s);
  const Tensor precision = identity + square(a) / v * matmul(transpose(x.factor), x.factor);
  const Tensor covariance = inverse(precision), root = cholesky(covariance);
  const Tensor xt = noised.at(u);  // [j, k, q, d]
  const Tensor z = matmul(xt - unsqueeze(noised.mean, -2), a / v * matmul(x.factor, covariance));
  const Tensor spread = matmul(std::sqrt(static_cast<double>(d)) * concat({identity, -identity}, 0), transpose(root));  // [j, k, 2d, d]
  const Tensor zs = unsqueeze(z, -2) + unsqueeze(spread, -3);                                                           // [j, k, q, 2d, d]
  const Tensor xs = unsqueeze(unsqueeze(x.mean, -2), -2) + matmul(zs, unsqueeze(transpose(x.factor), -3));
  const Tensor t = (unsqueeze(a, -1) * xs - unsqueeze(xt, -2)) / unsqueeze(v, -1);
  return {.x = xs, .eps = -(unsqueeze(s, -1) * t), .xt = xt, .t = t, .level = level};
}

Mixture some_of(const Mixture& m, const Tensor& which) {
  return {index_select(m.log_weights, 1, which), index_select(m.means, 1, which), index_select(m.factors, 1, which)};
}

// For each component the width of the narrowest one in its own whitened coordinates: the least singular value of C_k^-1 C_l over all l.
// Between components of different width the posterior weights change within the smaller one.
std::vector<double> narrowest(const Mixture& noised) {
  const NoGrad guard;
  const int64_t k = noised.count(), d = noised.dim();
  std::vector<double> out(static_cast<size_t>(k), 1.0);
  if (k == 1) return out;
  const Tensor covariance = noised.components().covariance(), lower = cholesky(covariance);
  const Tensor whitener = triangular_solve(lower, broadcast_to(eye(d, like(lower)), lower.shape()));
  for (int64_t l = 0; l < k; ++l) {
    const Tensor seen = matmul(matmul(whitener, slice_axis(covariance, 1, l, l + 1)), transpose(whitener));  // [j, k, d, d]
    const std::vector<double> least = min(min(eigh(seen).values, {-1}), {0}).to_vector<double>();
    for (size_t i = 0; i < out.size(); ++i) out[i] = std::min(out[i], std::sqrt(std::max(0.0, least[i])));
  }
  return out;
}

// The components of about the same width beside their narrowest neighbour are integrated together, each over itself.
std::vector<Integral> integrals_of(const Mixture& law, const Tensor& c, const Level& level, Where at) {
  const CallerScope scope(at);
  std::map<int, std::pair<double, std::vector<int64_t>>> groups;
  const std::vector<double> widths = narrowest(law.noised(level.alpha, level.sigma));
  for (size_t i = 0; i < widths.size(); ++i) {
    auto& [width, members] = groups.try_emplace(std::ilogb(std::max(widths[i], 1e-12)), 1.0, std::vector<int64_t>{}).first->second;
    width = std::min(width, widths[i]);
    members.push_back(static_cast<int64_t>(i));
  }
  std::vector<Integral> out;
  for (const auto& [_, group] : groups) {
    const std::vector<int64_t>& members = group.second;
    const bool all = groups.size() == 1;
    const Tensor which = indices(members, law.means.device());
    const auto rows = [=](const Nodes& nodes) {
      const CallerScope line(at);
      const Mixture tagged = law.tagged("dist"), m = all ? tagged : some_of(tagged, which);
      Rows r = backwards(m, on_path(level, "dist"), nodes.z);
      if (law.log_weights.tracked()) {
        const Gaussian first = law.noised(level.alpha, level.sigma).components().detached();
        r.partner = broadcast_to(slice_axis(first.at(nodes.z), 1, 0, 1), r.xt.shape());
      }
      const Tensor log_p = tagged.log_probabilities();
      return in_order(r, exp(all ? log_p : index_select(log_p, 1, which)), nodes.weights, c);
    };
    out.push_back({law.dim(), law.means.extent(0) * static_cast<int64_t>(members.size()), group.first, rows});
  }
  return out;
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

// The score of each condition's noised law. Rows without an index are in equal runs of conditions.
template <class Law>
Tensor score_by_runs(const Law& noised, const Tensor& xt, int64_t j, Where at) {
  return reshape(noised.score(reshape(xt, {j, xt.extent(0) / j, xt.extent(1)}), at), xt.shape());
}

// c [j, m] or none, law a batch of j mixtures.
Population of_mixture(const Mixture& law, const Tensor& c, const Level& level, Where at) {
  const int64_t j = law.means.extent(0), k = law.count(), d = law.dim();
  Population p;
  p.dim = d;
  p.options = like(law.means);
  p.weights_move = law.log_weights.tracked();
  p.integrals = integrals_of(law, c, level, at);
  if (p.weights_move) {
    const Mixture q = law.noised(level.alpha, level.sigma).detached();
    const Tensor distance = norm(q.means - slice_axis(q.means, 1, 0, 1), {-1});
    p.apart = max(distance).item() / std::sqrt(min(eigh(q.components().covariance()).values).item());
  }
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

// Exact rows of points: x_t = alpha x_i + sigma eps for every datum and node.
Integral every_point(const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  const auto rows = [=](const Nodes& nodes) {
    const CallerScope scope(at);
    const Level outside = on_path(level, "dist");
    const FiniteData p = law.tagged("dist");
    const Tensor s = outside.sigma.like(nodes.z, 4), a = outside.alpha.like(nodes.z, 4);
    const int64_t j = p.points.extent(0), k = p.count(), q = nodes.z.extent(0), d = p.dim();
    const Tensor x = broadcast_to(unsqueeze(p.points, -2), {j, k, q, d}), eps = broadcast_to(nodes.z, {j, k, q, d});
    Rows r{.x = x,
           .eps = eps,
           .xt = a * unsqueeze(p.points, -2) + s * nodes.z,
           .t = broadcast_to(-(nodes.z / s), {j, k, q, d}),
           .level = outside};
    if (law.log_weights.defined() && law.log_weights.tracked()) r.partner = broadcast_to(slice_axis(r.xt.detach(), 1, 0, 1), r.xt.shape());
    return in_order(r, exp(p.log_probabilities()), nodes.weights, c);
  };
  return {law.dim(), law.points.extent(0) * law.count(), 1, rows};
}

void sum_over(Population& p, const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  p.integrals = {every_point(law, c, level, at)};
  p.weights_move = law.log_weights.defined() && law.log_weights.tracked();
  if (!p.weights_move) return;
  const Tensor points = law.points.detach(), distance = norm(points - slice_axis(points, 1, 0, 1), {-1});
  p.apart = max(level.alpha.like(points, 2).detach() * distance / level.sigma.like(points, 2).detach()).item();
}

// The whole batch can be summed; one data set can be drawn from, too.
Population of_data(const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  const int64_t j = law.points.extent(0);
  Population p;
  if (j == 1) {
    const FiniteData one{select(law.points, 0, 0), law.log_weights.defined() ? select(law.log_weights, 0, 0) : Tensor{}, {}};
    p = of_points(one, level, at);
    if (c.defined())
      p.draw = [draw = p.draw, c](int64_t n, const Key& key) {
        Rows rows = draw(n, key);
        rows.c = broadcast_to(c, {n, c.extent(1)});
        return rows;
      };
  } else {
    p.draw = [=](int64_t, const Key&) -> Rows { throw Error(at, "population: cannot sample from a batch of data sets"); };
    p.score = [=](const Rows& rows) {
      const CallerScope scope(at);
      const Level inside = on_path(level, "target");
      return score_by_runs(law.tagged("target").noised(inside.alpha, inside.sigma), rows.xt, j, at);
    };
  }
  p.stratified = [draw = p.draw](int64_t n, const Key& key) { return alike(draw(n, key)); };
  p.dim = law.dim();
  p.options = like(law.points);
  sum_over(p, law, c, level, at);
  return p;
}

// A law of which no more is known than the concept demands.
Population of_other(const AnyDistribution& law, const Tensor& c, const Level& level, Where at) {
  if (c.defined() && c.extent(0) != 1) throw Error(at, fmt::format("conditions of shape {} for one law", to_string(c.shape())));
  if (!level.alpha.is_single() || !level.sigma.is_single())
    throw Error(at, "a distribution of one's own takes one noise level, a number or a 0-d tensor");
  Population p;
  if (const std::optional<FiniteData> nodes = law.nodes()) sum_over(p, std::get<FiniteData>(batch(*nodes)), c, level, at);
  p.dim = law.dim();
  p.options = law.options();
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    Rows rows = noised(law.tagged("dist").sample(n, key.fold("x"), at), on_path(level, "dist"), key);
    if (c.defined()) rows.c = broadcast_to(c, {n, c.extent(1)});
    return rows;
  };
  p.stratified = [draw = p.draw](int64_t n, const Key& key) { return alike(draw(n, key)); };
  p.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    return {reshape(law.sample(rows.count() * k, key, at), {rows.count(), k, law.dim()})};
  };
  p.score = [=](const Rows& rows) {
    const CallerScope scope(at);
    const Level inside = on_path(level, "target");
    return law.tagged("target").noised(inside.alpha, inside.sigma, at).score(rows.xt);
  };
  if (law.has_log_density())
    p.log_density = [=](const Rows&, const Tensor& x) {
      const CallerScope scope(at);
      return reshape(law.log_density(reshape(x, {x.extent(0) * x.extent(1), x.extent(2)}), at), {x.extent(0), x.extent(1)});
    };
  return p;
}

Population of_law(const AnyDistribution& law, const Tensor& c, const Level& level, Where at) {
  const CallerScope scope(at);
  const Tensor conditions = leading(c, 2);
  const std::optional<Batch> b = as_batch(law);
  if (!b) return of_other(law, conditions, level, at);
  const int64_t j = std::visit([](const auto& l) { return l.log_probabilities().extent(0); }, *b);
  if (c.defined() && (conditions.rank() != 2 || conditions.extent(0) != j))
    throw Error(at, fmt::format("conditions of shape {} for a batch of {} laws", to_string(c.shape()), j));
  if (const Mixture* m = std::get_if<Mixture>(&*b)) return of_mixture(*m, conditions, level, at);
  return of_data(std::get<FiniteData>(*b), conditions, level, at);
}

}  // namespace

Population set_up(const Generated& setup, const Level& level, Where at) { return of_law(setup.law, setup.c, level, at); }
Population set_up(const FreeCondition& setup, const Level& level, Where at) { return of_law(setup.law.detached(), setup.c, level, at); }
Population set_up(const InputDistribution& setup, const Level& level, Where at) { return of_law(setup.law, {}, level, at); }

// The linear encoder draws x given (x_t, c) as this one draws x given x_t.
Tensor given_gaussian(const Rows& rows, const Tensor& mean, const Tensor& factor, const Key& key) {
  return given(rows, mean, unsqueeze(factor, 0), key);
}

}  // namespace scoregrad::losses
