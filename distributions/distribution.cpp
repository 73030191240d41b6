#include "distributions/distribution.h"

namespace scoregrad::distributions {

static_assert(Distribution<Gaussian> && Distribution<Mixture> && Distribution<FiniteData> && Distribution<AnyDistribution>);
static_assert(HasComponents<Gaussian> && HasComponents<Mixture> && HasComponents<FiniteData>);

Tensor AnyDistribution::sample(int64_t n, const Key& key, Where at) const {
  const CallerScope scope(at);
  return held_->sample(n, key);
}

Tensor AnyDistribution::log_density(const Tensor& x, Where at) const {
  if (!has_log_density()) throw Error(at, "log_density: this distribution has no function of that name");
  const CallerScope scope(at);
  return held_->log_density(x);
}

NoisedLaw AnyDistribution::noised(const Number& alpha, const Number& sigma, Where at) const {
  const CallerScope scope(at);
  return held_->noised(alpha, sigma);
}

AnyDistribution AnyDistribution::tagged(const std::string& label, Where at) const {
  return mapped([&](const Tensor& t) { return t.tag(label, at); });
}
AnyDistribution AnyDistribution::detached() const {
  return mapped([](const Tensor& t) { return t.detach(); });
}

}  // namespace scoregrad::distributions
