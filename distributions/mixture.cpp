#include "distributions/mixture.h"

#include "autograd/tensor/misfit.h"
#include "distributions/categorical.h"
#include "distributions/parameters.h"

namespace scoregrad::distributions {
namespace {

void check_shapes(const Mixture& m, Where at) {
  if (m.means.rank() < 2) throw misfit(at, "Mixture", "the means", "[.., K, d]", m.means);
  const Shape batch = batch_of(m.means, 2);
  demand_parameter("Mixture", "log_weights", m.log_weights, batch, {m.count()}, at);
  demand_parameter("Mixture", "factors", m.factors, batch, {m.count(), m.dim(), m.dim()}, at);
}

// Per component: log w_k + log N_k(x) [.., K, n] and the score [.., K, n, d].
DensityAndScore joint(const Mixture& m, const Tensor& x, Where at) {
  check_shapes(m, at);
  demand_points("Mixture", x, m.dim(), at);
  DensityAndScore each = m.components().evaluate(unsqueeze(x, -3), at);
  each.log_density = each.log_density + unsqueeze(m.log_probabilities(), -1);
  return each;
}
Tensor averaged(const DensityAndScore& each) { return sum(unsqueeze(softmax(each.log_density, -2), -1) * each.score, {-3}); }

}  // namespace

Tensor Mixture::sample(int64_t n, const Key& key, Where at) const {
  const CallerScope scope(at);
  check_shapes(*this, at);
  const Tensor each = components().sample(n, key.fold("normal"), at);       // [.., K, n, d]
  const Tensor index = categorical(log_weights, n, key.fold("component"));  // [.., n]
  const Tensor chosen = one_hot(index, count(), means.dtype());             // [.., n, K]
  return sum(unsqueeze(transpose(chosen), -1) * each, {-3});
}

Tensor Mixture::log_density(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return logsumexp(joint(*this, x, at).log_density, {-2});
}
Tensor Mixture::score(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return averaged(joint(*this, x, at));
}
DensityAndScore Mixture::evaluate(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  const DensityAndScore each = joint(*this, x, at);
  return {logsumexp(each.log_density, {-2}), averaged(each)};
}
Tensor Mixture::posterior(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return transpose(softmax(joint(*this, x, at).log_density, -2));
}

Mixture Mixture::noised(const Number& alpha, const Number& sigma, Where at) const {
  check_shapes(*this, at);
  const Gaussian g = components().noised(alpha, sigma, at);
  return {log_weights, g.mean, g.factor};
}

Mixture Mixture::tagged(const std::string& label, Where at) const {
  return {log_weights.tag(label, at), means.tag(label, at), factors.tag(label, at)};
}
Mixture Mixture::detached() const { return {log_weights.detach(), means.detach(), factors.detach()}; }

Mixture as_mixture(const Gaussian& g, Where at) {
  const CallerScope scope(at);
  Shape weights = g.mean.shape();
  weights[weights.rank - 1] = 1;
  return {zeros(weights, like(g.mean)), unsqueeze(g.mean, -2), unsqueeze(g.factor, -3)};
}

std::optional<Mixture> as_mixture(const FiniteData& p, Where at) {
  if (!p.spread.defined()) return {};
  const CallerScope scope(at);
  const Tensor root = Number(p.spread).like(p.points, p.points.rank() + 1) * eye(p.dim(), like(p.points));
  Shape shape = p.points.shape();
  shape.push_back(p.dim());
  return Mixture{p.log_probabilities(), p.points, broadcast_to(root, shape)};
}

}  // namespace scoregrad::distributions
