#include "nn/fits.h"

#include <fmt/format.h>

#include "autograd/tensor/recorder.h"

namespace scoregrad::nn {

void check_beside(const char* who, const char* what, const Tensor& extra, int axes, const Tensor& x, Where at) {
  bool fits = axes <= x.rank() && axes <= extra.rank();
  for (int i = 0; fits && i < axes; ++i) fits = extra.shape()[i] == x.shape()[i] || extra.shape()[i] == 1;
  if (!fits)
    throw Error(at, fmt::format("{}: {} of shape {} for x {}; wanted are the first extents of x, or 1", who, what, to_string(extra.shape()),
                                to_string(x.shape())));
}

void check_levels(const char* who, const Tensor& level, Where at) {
  if (recorder || level.device() != cpu || !is_floating(level.dtype())) return;
  const std::vector<double> values = level.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i] > 0)) throw Error(at, fmt::format("{}: noise level {} is {}; levels are positive", who, i, values[i]));
}

}  // namespace scoregrad::nn
