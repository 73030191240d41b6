// Random choices with given probabilities.
#pragma once
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::distributions {

/// n independent draws of k with probability softmax(log_weights)_k, int64.   log_weights [.., K] -> [.., n]
Tensor categorical(const Tensor& log_weights, int64_t n, const Key& key);

}  // namespace scoregrad::distributions
