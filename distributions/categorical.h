// Random choices with given probabilities.
#pragma once
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::distributions {

/// n independent draws of k with probability softmax(log_weights)_k, int64. Where the weights are NaN or all -inf, the draws are -1, which
/// no index accepts.   log_weights [.., K] -> [.., n]
Tensor categorical(const Tensor& log_weights, int64_t n, const Key& key, Where at = Where::here());

}  // namespace scoregrad::distributions
