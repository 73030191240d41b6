// What a distribution demands of the shapes of its parameters and of the points it is asked about. Trailing axes never broadcast: weights
// of another length would make a density that integrates to something else.
#pragma once
#include "autograd/ops/number.h"

namespace scoregrad::distributions {

/// Throws Error unless the last axes of x have these extents, and the axes before them those of the batch, or 1, or are not there.
void demand_parameter(const char* of, const char* name, const Tensor& x, const Shape& batch, const Shape& last, Where at);
/// The axes of x before its last ones.
Shape batch_of(const Tensor& x, int last);
/// Throws Error unless x is [.., n, d].
void demand_points(const char* op, const Tensor& x, int64_t d, Where at);
/// Throws Error where the first tensor, a mean or a point, is a batch or the level tau is not a single number that is 0 or more.
void demand_single(const char* of, const Tensor& mean, const Number& tau, Where at);

}  // namespace scoregrad::distributions
