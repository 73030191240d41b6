// A law p(x | c), one for each of j conditions, as a population: what its kinds are made of. A law here has a leading axis of conditions,
// of extent one where there is no batch, and c is [j, m] or undefined.
#pragma once
#include "losses/set_ups.h"

namespace scoregrad::losses {

Population of_mixture(const distributions::Mixture& law, const Tensor& c, const Level& level, Where at);
Population of_data(const distributions::FiniteData& law, const Tensor& c, const Level& level, Where at);

/// The exact sum over a mixture: x_t over every component, x integrated out.
std::vector<Integral> integrals_of(const distributions::Mixture& law, const Tensor& c, const Level& level, Where at);
/// Population::conditioning of components.
double conditioning_of(const distributions::Mixture& law, const Level& level);
/// Gives a population the exact sum over every datum and its noise.
void sum_over(Population& p, const distributions::FiniteData& law, const Tensor& c, const Level& level, Where at);

/// Rows in the order of conditions, components, noise.   x, eps, x_t, t [j, k, q, d], scatter, share [j, k], weights [q]
Rows in_order(Rows r, const Tensor& share, const Tensor& weights, const Tensor& c);
/// The score of each condition's noised law; the rows are equal runs of conditions.   x_t [j n, d]
template <class Law>
Tensor score_by_runs(const Law& noised, const Tensor& xt, int64_t j, Where at) {
  return reshape(noised.score(reshape(xt, {j, xt.extent(0) / j, xt.extent(1)}), at), xt.shape());
}

}  // namespace scoregrad::losses
