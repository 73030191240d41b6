#include "samplers/pair_distances.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/tensor/misfit.h"

namespace scoregrad::samplers {

void check_sets(const char* op, const Tensor& x, const Tensor& y, int64_t least, Where at) {
  if (!x.defined() || !y.defined() || x.rank() != 2 || y.rank() != 2 || x.extent(1) != y.extent(1) || x.extent(0) < least ||
      y.extent(0) < least)
    throw misfit(at, op, "", "[n, d] and [m, d]", extents_of({x, y}), fmt::format("n and m are at least {}", least));
}

Tensor product_of_differences(const Tensor& u, const Tensor& v, const Tensor& x, const Tensor& y) {
  Tensor total = zeros({x.extent(0), y.extent(0)}, like(x));
  for (int64_t a = 0; a < x.extent(1); ++a) {
    const auto difference = [a](const Tensor& p, const Tensor& q) { return unsqueeze(select(p, 1, a), 1) - unsqueeze(select(q, 1, a), 0); };
    total = total + difference(u, v) * difference(x, y);
  }
  return total;
}

Tensor squared_distances(const Tensor& a, const Tensor& b) {
  return maximum(sum(square(a), {1}, true) + unsqueeze(sum(square(b), {1}), 0) - 2 * matmul(a, transpose(b)), 0.0);
}

Places::Places(const Tensor& x, const Tensor& y)
    : origin(mean(x, {0}, true)), far(std::max(max(sum(square(x - origin), {1})).item(), max(sum(square(y - origin), {1})).item())) {}

Tensor Places::distances(const Tensor& x, const Tensor& y, double width) const {
  return product_serves(width) ? squared_distances(x - origin, y - origin) : product_of_differences(x, y, x, y);
}

}  // namespace scoregrad::samplers
