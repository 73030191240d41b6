#include "nn/fits.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "autograd/tensor/recorder.h"

namespace scoregrad::nn {

void check_beside(const char* who, const char* what, const Tensor& extra, int axes, const Tensor& x, Where at) {
  bool fits = axes <= x.rank() && axes <= extra.rank();
  for (int i = 0; fits && i < axes; ++i) fits = extra.shape()[i] == x.shape()[i] || extra.shape()[i] == 1;
  if (fits) return;
  std::string wanted;
  for (int i = 0; i < axes; ++i) wanted += (i > 0 ? ", " : "") + (i < x.rank() ? std::to_string(x.shape()[i]) : "1");
  throw misfit(at, who, what, "[" + wanted + (extra.rank() > axes ? ", ..]" : "]"), extra, "extents of 1 repeat");
}

void check_levels(const char* who, const Tensor& level, Where at) {
  if (recorder || level.device() != cpu || !is_floating(level.dtype())) return;
  const std::vector<double> values = level.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i] > 0)) throw Error(at, fmt::format("{}: noise level {} is {}; levels are positive", who, i, values[i]));
}

}  // namespace scoregrad::nn
