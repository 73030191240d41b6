// Gaussian kernels about points, and the mean way from x to them: what finite data and encoders are made of.
#pragma once
#include "autograd/ops/number.h"

namespace scoregrad::distributions {

/// -(1/2) |x - points_i|^2 / spread^2. In up to 8 dimensions from differences; beyond that as one product of matrices, computed and
/// answered in float64 whatever the type of x. x [.., N, d], points [.., n, d], spread 0-d or one for each leading axis -> [.., N, n]
Tensor log_kernel(const Tensor& x, const Tensor& points, const Number& spread, Where at = Where::here());

/// sum over i of weights_i (points_i - x), for weights of sum one.   weights [.., N, n], x [.., N, d], points [.., n, d] -> [.., N, d]
Tensor way_to(const Tensor& points, const Tensor& x, const Tensor& weights, Where at = Where::here());

}  // namespace scoregrad::distributions
