#include "samplers/pair_distances.h"

#include <algorithm>

namespace scoregrad::samplers {

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
