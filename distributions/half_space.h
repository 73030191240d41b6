// How much of a law lies on one side of a plane, exactly: the weight of a mode, seen through noise.
#pragma once
#include <cmath>

#include "autograd/tensor/misfit.h"
#include "distributions/mixture.h"

namespace scoregrad::distributions {

/// P(normal'x > offset) = sum over k of w_k Phi((normal'mean_k - offset) / sqrt(normal'S_k normal)).   normal [d] -> []
inline Tensor half_space_mass(const Mixture& law, const Tensor& normal, double offset = 0, Where at = Where::here()) {
  const CallerScope scope(at);
  if (normal.shape() != Shape{law.dim()} || law.means.rank() != 2)
    throw misfit(at, "half_space_mass", "normal and means", "[d] and [k, d]", extents_of({normal, law.means}));
  const Tensor across = matmul(transpose(law.factors), unsqueeze(normal, -1));  // [K, d, 1]
  const Tensor deviation = norm(across, {-2, -1});
  const Tensor z = (matmul(law.means, normal) - offset) / deviation;
  return sum(exp(law.log_probabilities()) * (0.5 * erfc(-std::sqrt(0.5) * z)), {-1});
}

}  // namespace scoregrad::distributions
