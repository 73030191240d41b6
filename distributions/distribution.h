// What a distribution is here: the concept that a type of your own fills, and a holder for any of them.
#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <optional>

#include "distributions/finite.h"
#include "distributions/mixture.h"

namespace scoregrad::distributions {

/// A distribution of x in R^d, one type with four functions. All of them are differentiable in the parameters.
///   dim()                  d
///   sample(n, key)         n independent draws, reparametrised: a function of the parameters and of noise that depends on the key alone.
///   [n, d] noised(alpha, sigma)   the law of alpha x + sigma eps, eps ~ N(0, I), whose score(x) is grad log of its density.   [n, d] ->
///   [n, d] mapped(f)              the same distribution with f(t) in the place of every parameter t; so paths and detached copies are made
/// and, where they are known,
///   log_density(x)         of itself and of the noised law.   [n, d] -> [n]
///   nodes()                FiniteData whose weighted points stand for it under an integral: with them `decompose` needs no samples
/// A parameter may be a number instead of a tensor; then no gradient reaches it. Levels are single numbers or 0-d tensors.
template <class P>
concept Distribution = std::copy_constructible<P> &&
    requires(const P& p, int64_t n, const Tensor& x, const Number& level, const Key& key, const Mapping& f) {
  { p.dim() } -> std::convertible_to<int64_t>;
  { p.sample(n, key) } -> std::same_as<Tensor>;
  { p.noised(level, level).score(x) } -> std::same_as<Tensor>;
  { p.mapped(f) } -> std::convertible_to<P>;
};

/// The density of P is known, and not only its score.
template <class P>
concept HasDensity = requires(const P& p, const Tensor& x) {
  { p.log_density(x) } -> std::same_as<Tensor>;
};

/// True for distributions made of Gaussians, by a function as_mixture(p) beside the type: their integrals have a faster exact plan.
template <class P>
concept HasComponents = requires(const P& p) {
  { as_mixture(p) } -> std::convertible_to<std::optional<Mixture>>;
};

/// A law seen through noise.
struct NoisedLaw {
  std::function<Tensor(const Tensor& x)> score;        ///< [n, d] -> [n, d]
  std::function<Tensor(const Tensor& x)> log_density;  ///< [n, d] -> [n]; empty: not known
};

/// Any distribution, by value. Ours may be batches: a leading axis of theirs is one of samples and points.
class AnyDistribution {
 public:
  template <class P>
  requires(!std::same_as<P, AnyDistribution>) && Distribution<P> AnyDistribution(P p) : held_(std::make_shared<Held<P>>(std::move(p))) {}

  int64_t dim() const { return held_->dim(); }
  /// Element type and device of its samples.
  Options options() const { return held_->options(); }
  Tensor sample(int64_t n, const Key& key, Where at = Where::here()) const;
  /// log p(x); throws Error where the type has none.
  Tensor log_density(const Tensor& x, Where at = Where::here()) const;
  bool has_log_density() const { return held_->has_log_density(); }
  NoisedLaw noised(const Number& alpha, const Number& sigma, Where at = Where::here()) const;
  AnyDistribution mapped(const Mapping& f) const { return AnyDistribution(held_->mapped(f)); }
  /// The same law on a named path (Tensor::tag).
  AnyDistribution tagged(const std::string& label, Where at = Where::here()) const;
  AnyDistribution detached() const;
  /// As Gaussian components, where it is made of them.
  std::optional<Mixture> mixture() const { return held_->mixture(); }
  /// Points that stand for it under an integral, where there are such.
  std::optional<FiniteData> nodes() const { return held_->nodes(); }
  /// The distribution itself, if it is a P.
  template <class P>
  const P* as() const {
    const auto* held = dynamic_cast<const Held<P>*>(held_.get());
    return held ? &held->p : nullptr;
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual int64_t dim() const = 0;
    virtual Options options() const = 0;
    virtual Tensor sample(int64_t n, const Key& key) const = 0;
    virtual bool has_log_density() const = 0;
    virtual Tensor log_density(const Tensor& x) const = 0;
    virtual NoisedLaw noised(const Number& alpha, const Number& sigma) const = 0;
    virtual std::shared_ptr<const Base> mapped(const Mapping& f) const = 0;
    virtual std::optional<Mixture> mixture() const = 0;
    virtual std::optional<FiniteData> nodes() const = 0;
  };
  template <class P>
  struct Held;
  explicit AnyDistribution(std::shared_ptr<const Base> held) : held_(std::move(held)) {}

  std::shared_ptr<const Base> held_;
};

template <class P>
struct AnyDistribution::Held final : Base {
  explicit Held(P held) : p(std::move(held)) {}
  int64_t dim() const override { return p.dim(); }
  Options options() const override {
    std::optional<Options> found;
    p.mapped([&](const Tensor& t) {
      if (!found) found = like(t);
      return t;
    });
    return found ? *found : like(p.sample(1, Key(0)));
  }
  Tensor sample(int64_t n, const Key& key) const override { return p.sample(n, key); }
  bool has_log_density() const override {
    if constexpr (requires {
                    { p.has_log_density() } -> std::convertible_to<bool>;
                  })
      return p.has_log_density();
    return HasDensity<P>;
  }
  Tensor log_density(const Tensor& x) const override {
    if constexpr (HasDensity<P>) return p.log_density(x);
    return {};
  }
  NoisedLaw noised(const Number& alpha, const Number& sigma) const override {
    const auto q = p.noised(alpha, sigma);
    NoisedLaw out{[q](const Tensor& x) { return q.score(x); }, {}};
    if constexpr (HasDensity<decltype(q)>) out.log_density = [q](const Tensor& x) { return q.log_density(x); };
    return out;
  }
  std::shared_ptr<const Base> mapped(const Mapping& f) const override { return std::make_shared<Held<P>>(p.mapped(f)); }
  std::optional<Mixture> mixture() const override {
    if constexpr (HasComponents<P>) return as_mixture(p);
    return {};
  }
  std::optional<FiniteData> nodes() const override {
    if constexpr (requires {
                    { p.nodes() } -> std::convertible_to<std::optional<FiniteData>>;
                  })
      return p.nodes();
    return {};
  }

  P p;
};

}  // namespace scoregrad::distributions
