#include "nn/conditioning.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "nn/fits.h"

namespace scoregrad::nn {

FiLM::FiLM(int64_t condition, int64_t width, Options options, Where at) {
  if (condition < 1 || width < 1) throw Error(at, fmt::format("FiLM: a condition of width {} for a layer of width {}", condition, width));
  projection = Linear(zeros({2 * width, condition}, options).requires_grad(), zeros({2 * width}, options).requires_grad());
}

Tensor FiLM::operator()(const Tensor& x, const Tensor& c, Where at) const {
  if (!c.defined()) throw Error(at, "FiLM: no condition was given; wanted is net(x, {.condition = c})");
  if (c.rank() < 1 || c.rank() > x.rank() || projection.weight.extent(0) != 2 * x.extent(-1))
    throw misfit(at, "FiLM", "x, condition and projection", "[.., n], [.., m] and [2 n, m]", extents_of({x, c, projection.weight}));
  check_beside("FiLM", "a condition", c, c.rank() - 1, x, at);
  const CallerScope scope(at);
  Tensor both = projection(c, at);
  while (both.rank() < x.rank()) both = unsqueeze(both, -2);
  const Tensors part = split(both, {x.extent(-1), x.extent(-1)}, -1);
  return x * (1 + part[0]) + part[1];
}

Dropout::Dropout(double rate_, Where at) : rate(rate_) {
  if (!(rate >= 0 && rate < 1)) throw Error(at, fmt::format("Dropout: the rate {} is not in [0, 1)", rate));
}

Tensor Dropout::operator()(const Tensor& x, const std::optional<Key>& key, Where at) const {
  if (!key || rate == 0) return x;
  const CallerScope scope(at);
  return where(uniform(x.shape(), *key, like(x)) < rate, 0, x * (1 / (1 - rate)));
}

}  // namespace scoregrad::nn
