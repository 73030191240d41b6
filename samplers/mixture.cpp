#include "samplers/mixture.h"

#include "samplers/categorical.h"

namespace scoregrad {
namespace {

// Per component: log w_k + log N_k(x) [.., K, n] and the score [.., K, n, d].
DensityAndScore joint(const Mixture& m, const Tensor& x) {
  DensityAndScore each = m.components().evaluate(unsqueeze(x, -3));
  each.log_density = each.log_density + unsqueeze(m.log_probabilities(), -1);
  return each;
}
Tensor averaged(const DensityAndScore& each) { return sum(unsqueeze(softmax(each.log_density, -2), -1) * each.score, {-3}); }

}  // namespace

Tensor Mixture::sample(int64_t n, const Key& key) const {
  const Tensor each = components().sample(n, key.fold("normal"));           // [.., K, n, d]
  const Tensor index = categorical(log_weights, n, key.fold("component"));  // [.., n]
  const Tensor chosen = one_hot(index, count(), means.dtype());             // [.., n, K]
  return sum(unsqueeze(transpose(chosen), -1) * each, {-3});
}

Tensor Mixture::log_density(const Tensor& x) const { return logsumexp(joint(*this, x).log_density, {-2}); }
Tensor Mixture::score(const Tensor& x) const { return averaged(joint(*this, x)); }
DensityAndScore Mixture::evaluate(const Tensor& x) const {
  const DensityAndScore each = joint(*this, x);
  return {logsumexp(each.log_density, {-2}), averaged(each)};
}
Tensor Mixture::posterior(const Tensor& x) const { return transpose(softmax(joint(*this, x).log_density, -2)); }

Mixture Mixture::noised(const Number& alpha, const Number& sigma) const {
  const Gaussian g = components().noised(alpha, sigma);
  return {log_weights, g.mean, g.factor};
}

Mixture Mixture::tagged(const std::string& label) const { return {log_weights.tag(label), means.tag(label), factors.tag(label)}; }
Mixture Mixture::detached() const { return {log_weights.detach(), means.detach(), factors.detach()}; }

Mixture as_mixture(const Gaussian& g) {
  Shape weights = g.mean.shape();
  weights[weights.rank - 1] = 1;
  return {zeros(weights, like(g.mean)), unsqueeze(g.mean, -2), unsqueeze(g.factor, -3)};
}

}  // namespace scoregrad
