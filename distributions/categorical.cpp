#include "distributions/categorical.h"

namespace scoregrad::distributions {

Tensor categorical(const Tensor& log_weights, int64_t n, const Key& key) {
  const NoGrad guard;
  const int64_t last = log_weights.extent(-1) - 1;
  Shape shape = log_weights.shape();
  shape[shape.rank - 1] = n;
  // The index is the number of steps of the distribution function that lie below a uniform; its last step is 1 but for rounding.
  const Tensor steps = slice_axis(cumsum(softmax(log_weights, -1), -1), -1, 0, last);
  const Tensor u = uniform(shape, key, like(log_weights));
  return sum((unsqueeze(u, -1) >= unsqueeze(steps, -2)).to(int64), {-1});
}

}  // namespace scoregrad::distributions
