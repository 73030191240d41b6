// Set-ups with a law p(x | c), one for each of j conditions: a mixture of Gaussians, finite data, or any other distribution, which is drawn
// from or summed over its own nodes.
#include "losses/set_up_law.h"

#include <fmt/format.h>

#include <optional>
#include <variant>

#include "autograd/tensor/misfit.h"

namespace scoregrad::losses {

Rows in_order(Rows r, const Tensor& share, const Tensor& weights, const Tensor& c) {
  const int64_t j = share.extent(0), kq = share.extent(1) * weights.extent(0), n = j * kq;
  const auto by_row = [&](const Tensor& x) { return x.defined() ? reshape(x, {n, x.extent(-1)}) : x; };
  r.x = by_row(r.x), r.eps = by_row(r.eps), r.xt = by_row(r.xt), r.t = by_row(r.t), r.moving = by_row(r.moving),
  r.partner = by_row(r.partner);
  r.weight = reshape(unsqueeze(share, -1) * weights / j, {n});
  if (r.scatter.defined()) r.scatter = reshape(broadcast_to(unsqueeze(r.scatter, -1), {j, share.extent(1), weights.extent(0)}), {n});
  if (c.defined()) r.c = reshape(broadcast_to(unsqueeze(c, 1), {j, kq, c.extent(1)}), {n, c.extent(1)});
  return r;
}

namespace {

using namespace distributions;

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

// A law of which no more is known than the concept demands.
Population of_other(const AnyDistribution& law, const Tensor& c, const Level& level, Where at) {
  if (c.defined() && c.extent(0) != 1) throw misfit(at, "population", "the conditions of one law", "[1, m]", c);
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
    throw misfit(at, "population", "the conditions", fmt::format("[{}, m]", j), c);
  if (const Mixture* m = std::get_if<Mixture>(&*b)) return of_mixture(*m, conditions, level, at);
  return of_data(std::get<FiniteData>(*b), conditions, level, at);
}

}  // namespace

Population set_up(const Generated& setup, const Level& level, Where at) { return of_law(setup.law, setup.c, level, at); }
Population set_up(const FreeCondition& setup, const Level& level, Where at) { return of_law(setup.law.detached(), setup.c, level, at); }
Population set_up(const InputDistribution& setup, const Level& level, Where at) { return of_law(setup.law, {}, level, at); }

}  // namespace scoregrad::losses
