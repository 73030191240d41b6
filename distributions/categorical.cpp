#include "distributions/categorical.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::distributions {

Tensor categorical(const Tensor& log_weights, int64_t n, const Key& key, Where at) {
  const NoGrad guard;
  const CallerScope scope(at);
  if (log_weights.rank() < 1 || log_weights.extent(-1) < 1 || n < 0)
    throw misfit(at, "categorical", fmt::format("the log-weights of {} draws", n), "[.., K]", log_weights);
  const int64_t last = log_weights.extent(-1) - 1;
  Shape shape = log_weights.shape();
  shape[shape.rank - 1] = n;
  // The index is the number of steps of the distribution function that lie below a uniform. No uniform exceeds the step of the last
  // category that has a probability: its own sum of rounded numbers may fall short of 1, and what follows must never be drawn.
  const Tensor p = softmax(log_weights, -1), place = arange(0, static_cast<double>(last + 1), 1, {int64, p.device()});
  const Tensor last_possible = max(where(p > 0, place, int64_t{-1}), {-1}, true);
  const Tensor steps = slice_axis(where(place >= last_possible, 2.0, cumsum(p, -1)), -1, 0, last);
  const Tensor u = uniform(shape, key, like(log_weights));
  const Tensor drawn = sum((unsqueeze(u, -1) >= unsqueeze(steps, -2)).to(int64), {-1});
  return where(last_possible < 0, int64_t{-1}, drawn);
}

}  // namespace scoregrad::distributions
