// The integral along the line from the first component's x_t to another's for the same noise, by which the weights of a law reach the
// losses of distillation: their values are a potential of which only the gradient is known.
#pragma once
#include "distributions/mixture.h"
#include "distributions/quadrature.h"

namespace scoregrad::losses {

/// A rule on (0, 1) for any component of a noised mixture. Averaged over the noise, the integrand at place p is an expectation over the law
/// between the two, N(m, C C') with m and C linear in p. This is analytic in p however rough the score is: its continuation by zeta grows
/// no faster than exp(|Im zeta|^2 |C^-1 dm|^2 / 2) while |zeta C^-1 dC| is small. Sixteen nodes of Gauss and Legendre on panels over which
/// m moves by at most 3 deviations and C by at most a third of itself have an error below rounding.
distributions::quadrature::Rule line_rule(const distributions::Mixture& noised, Where at);
/// The same for points that all have one spread, at most so many deviations from the first.
distributions::quadrature::Rule line_rule(double deviations, Where at);

}  // namespace scoregrad::losses
