#include "nn/pixels.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

Tensor space_to_depth(const Tensor& x, int64_t k, Where at) {
  const CallerScope scope(at, "space_to_depth");
  if (k < 1 || x.rank() != 4 || x.extent(2) % k != 0 || x.extent(3) % k != 0)
    throw misfit(at, "space_to_depth", "", fmt::format("[n, c, h, w] with h and w multiples of {}", k), x);
  const int64_t n = x.extent(0), c = x.extent(1), h = x.extent(2) / k, w = x.extent(3) / k;
  return reshape(permute(reshape(x, {n, c, h, k, w, k}), {0, 1, 3, 5, 2, 4}), {n, c * k * k, h, w});
}

Tensor depth_to_space(const Tensor& x, int64_t k, Where at) {
  const CallerScope scope(at, "depth_to_space");
  if (k < 1 || x.rank() != 4 || x.extent(1) % (k * k) != 0)
    throw misfit(at, "depth_to_space", "", fmt::format("[n, c, h, w] with c a multiple of {}", k * k), x);
  const int64_t n = x.extent(0), c = x.extent(1) / (k * k), h = x.extent(2), w = x.extent(3);
  return reshape(permute(reshape(x, {n, c, k, k, h, w}), {0, 1, 4, 2, 5, 3}), {n, c, h * k, w * k});
}

Tensor doubled(const Tensor& x, const Tensor& like, Where at) {
  const CallerScope scope(at);
  const Tensor y = upsample(x, 2);
  if (y.extent(-2) < like.extent(-2) || y.extent(-1) < like.extent(-1))
    throw Error(at, fmt::format("doubled: {} does not reach the extents of {}", to_string(x.shape()), to_string(like.shape())));
  return slice(y, {{}, {}, {0, like.extent(-2)}, {0, like.extent(-1)}});
}

}  // namespace scoregrad::nn
