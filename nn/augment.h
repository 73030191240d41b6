// Images changed at random in ways that keep their meaning, for a Loader's `transform`.
#pragma once
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::nn {

/// Each image as it is or mirrored left to right, with equal chance.   [n, c, h, w]
Tensor flipped(const Tensor& images, const Key& key, Where at = Where::here());
/// Each image moved by -most .. most whole pixels along both axes, all equally likely; `value` where nothing was.   [n, c, h, w]
Tensor shifted(const Tensor& images, int64_t most, const Key& key, double value = 0, Where at = Where::here());

}  // namespace scoregrad::nn
