#include "losses/population.h"

#include <fmt/format.h>

#include <algorithm>

#include "distributions/categorical.h"
#include "losses/draws.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;

void check_level(const Level& level, Where at) {
  for (const Number* n : {&level.alpha, &level.sigma})
    if (!n->is_single() || !(n->value(at) > 0))
      throw Error(at, "population: alpha and sigma must be single positive numbers (a number or a 0-d tensor)");
}

NoisedBatch noised(const Tensor& x, const Level& level, const Key& key) {
  const Tensor eps = normal(x.shape(), key.fold("eps"), like(x));
  return {.x = x, .eps = eps, .xt = level.alpha.like(x) * x + level.sigma.like(x) * eps, .level = level};
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
Tensor given(const NoisedBatch& rows, const Tensor& mean, const Tensor& factor, const Key& key) {
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

// c [j, m] or none, law a batch of j mixtures.
Population of_mixture(const Mixture& law, const Tensor& c, const Level& level, Where at) {
  if (law.log_weights.tracked())
    throw Error(at, "population: samples of a mixture carry no gradient to its weights; use decompose, which sums over the components");
  const int64_t j = law.means.extent(0), k = law.count();
  Population p;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    if (n % j) throw Error(at, fmt::format("population: {} rows cannot be shared out among {} conditions", n, j));
    const Tensor x = reshape(law.sample(n / j, key.fold("x"), at), {n, law.dim()});
    NoisedBatch rows = noised(x, level, key);
    if (j > 1 || c.defined()) {
      std::vector<int64_t> of_row;
      for (int64_t i = 0; i < n; ++i) of_row.push_back(i / (n / j));
      rows.index = indices(of_row, x.device());
      if (c.defined()) rows.c = index_select(c, 0, rows.index);
    }
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t count, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index);
    const int64_t n = rows.count();
    return {reshape(m.sample(m.means.extent(0) == 1 ? n * count : count, key, at), {n, count, law.dim()})};
  };
  p.score = [=](const NoisedBatch& rows) {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index).noised(level.alpha, level.sigma);
    return reshape(m.score(folded(unsqueeze(rows.xt, 1), m), at), rows.xt.shape());
  };
  p.log_density = [=](const NoisedBatch& rows, const Tensor& x) {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index);
    return reshape(m.log_density(folded(x, m), at), {x.extent(0), x.extent(1)});
  };
  p.second = [=](const NoisedBatch& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    const Mixture m = at_rows(law, rows.index), q = m.noised(level.alpha, level.sigma);
    const int64_t n = rows.count(), d = law.dim();
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

// For each row, `count` of the places 0 .. count in a random order that leave out the row's own; where it is not among them, the last.
Tensor places(const std::vector<int64_t>& own, int64_t count, Device device) {
  std::vector<int64_t> out;
  for (int64_t mine : own)
    for (int64_t j = 0; j < count; ++j) out.push_back(j < mine ? j : j + 1);
  return indices(out, {static_cast<int64_t>(own.size()), count}, device);
}

// A few data in random order and where in them each row finds its others.
struct Subset {
  Tensor data;   // int64 [k + 1], or [k] if there are no more
  Tensor where;  // int64 [n, k]
};
Subset subset(const NoisedBatch& rows, int64_t total, int64_t count, const Key& key, Where at) {
  if (count < 1 || count > total - 1)
    throw Error(at, fmt::format("population: {} others of {} data; there are at most {}", count, total, total - 1));
  const std::vector<int64_t> order = permutation(total, key).to_vector<int64_t>();
  std::vector<int64_t> place(order.size()), own;
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  for (int64_t i : rows.index.to_vector<int64_t>()) own.push_back(place[static_cast<size_t>(i)]);
  const Device device = rows.xt.device();
  return {indices(std::vector<int64_t>(order.begin(), order.begin() + count + 1), device), places(own, count, device)};
}
Tensor picked(const Tensor& x, const Tensor& which) {
  Shape shape = which.shape();
  for (int i = 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  return reshape(index_select(x, 0, reshape(which, {which.numel()})), shape);
}

void check_fixed_weights(const FiniteData& data, Where at) {
  if (data.log_weights.tracked())
    throw Error(at, "population: samples of a data set carry no gradient to its weights; use decompose, which sums over the data");
}

// A softmax over the rows' data as a second draw.
SecondDraw chosen(const Tensor& posterior, const Tensor& points, const Key& key) {
  const Tensor log_r = log(posterior), which = categorical(log_r, 1, key);
  return {index_select(points, 0, select(which, 1, 0)), select(gather(log_r, 1, which), 1, 0)};
}

Population of_points(const FiniteData& data, const Level& level, Where at) {
  check_fixed_weights(data, at);
  Population p;
  p.others_in_all = data.count() - 1;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    const Tensor index = data.sample_index(n, key.fold("x"), at);
    NoisedBatch rows = noised(index_select(data.points, 0, index), level, key);
    rows.index = index;
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Subset s = subset(rows, data.count(), k, key, at);
    const Tensor x = picked(index_select(data.points, 0, s.data), s.where);
    if (!data.log_weights.defined()) return {x};
    const Tensor log_p = data.log_probabilities();
    return {x, picked(index_select(log_p, 0, s.data), s.where), index_select(log_p, 0, rows.index)};
  };
  p.score = [=](const NoisedBatch& rows) {
    const CallerScope scope(at);
    return data.noised(level.alpha, level.sigma).score(rows.xt, at);
  };
  p.second = [=](const NoisedBatch& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    return chosen(data.noised(level.alpha, level.sigma).posterior(rows.xt, at), data.points, key);
  };
  return p;
}

// A law of which no more is known than the concept demands.
Population of_other(const AnyDistribution& law, const Tensor& c, const Level& level, Where at) {
  if (c.defined() && c.extent(0) != 1) throw Error(at, fmt::format("population: conditions of shape {} for one law", to_string(c.shape())));
  Population p;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    NoisedBatch rows = noised(law.sample(n, key.fold("x"), at), level, key);
    if (c.defined()) rows.c = broadcast_to(c, {n, c.extent(1)});
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    return {reshape(law.sample(rows.count() * k, key, at), {rows.count(), k, law.dim()})};
  };
  p.score = [=](const NoisedBatch& rows) { return law.noised(level.alpha, level.sigma, at).score(rows.xt); };
  if (law.has_log_density())
    p.log_density = [=](const NoisedBatch&, const Tensor& x) {
      const CallerScope scope(at);
      return reshape(law.log_density(reshape(x, {x.extent(0) * x.extent(1), x.extent(2)}), at), {x.extent(0), x.extent(1)});
    };
  return p;
}

Population of_law(const AnyDistribution& law, const Tensor& c, const Level& level, Where at) {
  check_level(level, at);
  const Tensor conditions = c.defined() && c.rank() == 1 ? unsqueeze(c, 0) : c;
  const std::optional<LawBatch> batch = as_batch(law);
  if (!batch) return of_other(law, conditions, level, at);
  const LawBatch& b = *batch;
  const int64_t j = std::visit([](const auto& l) { return l.log_weights.defined() ? l.log_weights.extent(0) : 1; }, b);
  if (c.defined() && conditions.extent(0) != j)
    throw Error(at, fmt::format("population: conditions of shape {} for a batch of {} laws", to_string(c.shape()), j));
  if (const Mixture* m = std::get_if<Mixture>(&b)) return of_mixture(*m, conditions, level, at);
  const FiniteData& f = std::get<FiniteData>(b);
  if (f.points.extent(0) > 1) throw Error(at, "population: cannot sample from a batch of data sets");
  Population p = of_points({select(f.points, 0, 0), f.log_weights.defined() ? select(f.log_weights, 0, 0) : Tensor{}, {}}, level, at);
  if (c.defined())
    p.draw = [draw = p.draw, conditions](int64_t n, const Key& key) {
      NoisedBatch rows = draw(n, key);
      rows.c = broadcast_to(conditions, {n, conditions.extent(1)});
      return rows;
    };
  return p;
}

// log N(c; f, tau^2) up to a term in c.   c [n, m], f [n, k, m] or [k, m] -> [n, k]
Tensor log_code_weight(const Tensor& c, const Tensor& f, const Number& tau) {
  const Tensor each = f.rank() == 2 ? unsqueeze(f, 0) : f;
  return -0.5 * sum(square((unsqueeze(c, 1) - each) / tau.like(c)), {-1});
}

void check_tau(const Number& tau, Where at) {
  if (!tau.is_single() || !(tau.value(at) > 0))
    throw Error(at,
                "population: an encoder without noise (tau = 0) and with distinct codes has q(x_t | c) = q(x_t | x), where C2 = C3 and "
                "nothing is biased; tau must be a single positive number");
}

}  // namespace

NoisedBatch NoisedBatch::rows(const Tensor& which) const {
  const auto some = [&](const Tensor& t) { return t.defined() ? index_select(t, 0, which) : t; };
  return {some(x), some(eps), some(xt), some(c), some(index), level};
}

Population population(const Generated& setup, const Level& level, Where at) { return of_law(setup.law, setup.c, level, at); }
Population population(const FreeCondition& setup, const Level& level, Where at) { return of_law(setup.law.detached(), setup.c, level, at); }
Population population(const InputDistribution& setup, const Level& level, Where at) { return of_law(setup.law, {}, level, at); }

Population population(const LinearEncoder& setup, const Level& level, Where at) {
  check_level(level, at);
  check_tau(setup.tau, at);
  const auto posterior = setup.posterior(at);
  const Gaussian spread = Gaussian::with_covariance(zeros_like(posterior.offset), posterior.covariance, at);
  const auto mean = [=](const NoisedBatch& rows) { return posterior.offset + matmul(rows.c, transpose(posterior.gain)); };
  Population p;
  p.c_is_drawn = true;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    const Joint both = setup.sample(n, key.fold("x"), at);
    NoisedBatch rows = noised(both.x, level, key);
    rows.c = both.c;
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const int64_t n = rows.count(), d = setup.data.dim();
    return {unsqueeze(mean(rows), 1) + reshape(spread.sample(n * k, key, at), {n, k, d})};
  };
  p.score = [=](const NoisedBatch& rows) { return setup.score(rows.xt, rows.c, level.alpha, level.sigma, at); };
  p.log_density = [=](const NoisedBatch& rows, const Tensor& x) {
    const CallerScope scope(at);
    const int64_t n = x.extent(0), k = x.extent(1);
    return reshape(spread.log_density(reshape(x - unsqueeze(mean(rows), 1), {n * k, x.extent(2)}), at), {n, k});
  };
  p.second = [=](const NoisedBatch& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    return {given(rows, mean(rows), unsqueeze(spread.factor, 0), key)};
  };
  return p;
}

Population population(const NoisyEncoder& setup, const Level& level, Where at) {
  check_level(level, at);
  check_tau(setup.tau, at);
  check_fixed_weights(setup.data, at);
  if (setup.data.spread.defined()) throw Error(at, "population: the data of a NoisyEncoder must be points without spread");
  const FiniteData& data = setup.data;
  Population p = of_points(data, level, at);
  p.c_is_drawn = true;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    const Tensor index = data.sample_index(n, key.fold("x"), at), x = index_select(data.points, 0, index), code = setup.encode(x);
    NoisedBatch rows = noised(x, level, key);
    rows.index = index;
    rows.c = code + setup.tau.like(x) * normal(code.shape(), key.fold("eta"), like(x));
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Subset s = subset(rows, data.count(), k, key, at);
    const Tensor x = index_select(data.points, 0, s.data), codes = setup.encode(x);
    Tensor weight = log_code_weight(rows.c, picked(codes, s.where), setup.tau);
    Tensor own = select(log_code_weight(rows.c, unsqueeze(setup.encode(rows.x), 1), setup.tau), 1, 0);
    if (data.log_weights.defined()) {
      const Tensor log_p = data.log_probabilities();
      weight = weight + picked(index_select(log_p, 0, s.data), s.where);
      own = own + index_select(log_p, 0, rows.index);
    }
    return {picked(x, s.where), weight, own};
  };
  p.score = [=](const NoisedBatch& rows) { return setup.score(rows.xt, rows.c, setup.codes(), level.alpha, level.sigma, at); };
  p.second = [=](const NoisedBatch& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    return chosen(setup.posterior(rows.xt, rows.c, setup.codes(), level.alpha, level.sigma, at), data.points, key);
  };
  return p;
}

Population population(const SampledGenerated& setup, const Level& level, Where at) {
  check_level(level, at);
  Population p;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    NoisedBatch rows = noised(setup.sample(n, key.fold("x")), level, key);
    if (setup.c.defined()) rows.c = broadcast_to(unsqueeze(setup.c, 0), {n, setup.c.extent(0)});
    return rows;
  };
  p.others = [=](const NoisedBatch&, int64_t k, const Key& key) -> Candidates { return {setup.sample(k, key)}; };
  return p;
}

Population population(const SampledEncoder& setup, const Level& level, Where at) {
  check_level(level, at);
  check_tau(setup.tau, at);
  Population p;
  p.c_is_drawn = true;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    const Tensor x = setup.sample(n, key.fold("x")), code = setup.encode(x);
    NoisedBatch rows = noised(x, level, key);
    rows.c = code + setup.tau.like(x) * normal(code.shape(), key.fold("eta"), like(x));
    return rows;
  };
  p.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Tensor x = setup.sample(k, key);
    return {x, log_code_weight(rows.c, setup.encode(x), setup.tau),
            select(log_code_weight(rows.c, unsqueeze(setup.encode(rows.x), 1), setup.tau), 1, 0)};
  };
  return p;
}

Population posterior_centred(const Population& p, const ConditionalScore& s, double width, Where at) {
  if (!p.log_density) throw Error(at, "posterior_centred: this population's density is not known");
  if (!(width > 0)) throw Error(at, fmt::format("posterior_centred: a width of {}", width));
  Population out = p;
  out.exchangeable = false;
  out.others_in_all = Population::unlimited;
  out.others = [=](const NoisedBatch& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Tensor a = rows.level.alpha.like(rows.xt), sigma = rows.level.sigma.like(rows.xt);
    // Any centre gives the right answer. One that moves with x_t keeps the weights as they are when x_t moves: far less scatter in
    // gradients.
    const Tensor centre = (rows.xt + square(sigma) * s(rows.xt, rows.c)) / a;
    const Tensor z = normal({rows.count(), k, rows.xt.extent(1)}, key, like(centre));
    const Tensor x = unsqueeze(centre, 1) + width * sigma / a * z;
    return {x, p.log_density(rows, x) + 0.5 * sum(square(z), {-1})};
  };
  return out;
}

}  // namespace scoregrad::losses
