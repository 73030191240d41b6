// The ways in which a condition, an encoder or a law can enter a score-matching loss. Each is a type of its own, because each has its own
// decomposition: asking one for another's does not compile.
#pragma once
#include <functional>

#include "autograd/ops/random.h"
#include "distributions/distribution.h"
#include "distributions/encoder.h"

namespace scoregrad::losses {

/// s(x_t, c), row by row.   x_t [n, d], c [n, m] -> [n, d]
using ConditionalScore = std::function<Tensor(const Tensor& xt, const Tensor& c)>;
/// s(x_t), row by row.   x_t [n, d] -> [n, d]
using Score = std::function<Tensor(const Tensor& xt)>;

/// Generated data, x ~ p(x | c): the parameters of `law` were computed from c, so c also moves where x_t is drawn.
struct Generated {
  Tensor c;  ///< [m], or [j, m] for the mean over j conditions; then the law is a batch of j, which one of your own cannot be
  distributions::AnyDistribution law;
};
/// A free condition of fixed data, as in textual inversion: c reaches the loss through the network alone, and the law is left out of every
/// gradient.
struct FreeCondition {
  Tensor c;  ///< [m]
  distributions::AnyDistribution law;
};
/// A law p(x) that is itself optimised under a frozen score without condition.
struct InputDistribution {
  distributions::AnyDistribution law;
};
// An encoder, c = f(x) + tau eta, is a LinearEncoder or a NoisyEncoder of distributions/encoder.h.

/// n samples, reparametrised: differentiable in whatever shapes the law.   [n, d]
using Sample = std::function<Tensor(int64_t n, const Key& key)>;

/// Generated data of which only samples can be had, x = g(c, z): neither density nor score is known.
struct SampledGenerated {
  Tensor c;  ///< [m]; undefined: a law without condition, p(x) itself
  Sample sample;
};
/// An encoder c = f(x) + tau eta, tau > 0, of data of which only samples can be had.
struct SampledEncoder {
  Sample sample;
  std::function<Tensor(const Tensor&)> encode;  ///< f: [n, d] -> [n, m]
  Number tau;
};

}  // namespace scoregrad::losses
