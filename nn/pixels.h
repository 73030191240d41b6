// Images of another resolution: the same numbers in fewer pixels, and more pixels from the same numbers.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::nn {

/// Each block of k x k pixels as one pixel with k^2 times the channels, and back: the same numbers, which a convolution at a quarter of the
/// pixels computes faster.   [n, c, h, w] -> [n, c k k, h / k, w / k], h and w multiples of k   (Shi et al. 2016)
Tensor space_to_depth(const Tensor& x, int64_t k, Where at = Where::here());
Tensor depth_to_space(const Tensor& x, int64_t k, Where at = Where::here());

/// x with each pixel repeated twice along both axes, cut to the extents of `like`: the way back from a convolution of stride 2.
/// [n, c, ceil(h / 2), ceil(w / 2)], like [.., h, w] -> [n, c, h, w]
Tensor doubled(const Tensor& x, const Tensor& like, Where at = Where::here());

}  // namespace scoregrad::nn
