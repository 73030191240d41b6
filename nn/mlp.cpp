#include "nn/mlp.h"

#include <fmt/format.h>

namespace scoregrad::nn {

MLP::MLP(const std::vector<int64_t>& widths, Activation activation_, const Key& key, Options options, Where at) : activation(activation_) {
  if (widths.size() < 2) throw Error(at, fmt::format("MLP: {} widths, but input and output are needed", widths.size()));
  for (size_t i = 0; i + 1 < widths.size(); ++i) layers.emplace_back(widths[i], widths[i + 1], key.fold(i), options, at);
}

Tensor MLP::operator()(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  Tensor h = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (i > 0) h = activation(h);
    h = layers[i](h, at);
  }
  return h;
}

}  // namespace scoregrad::nn
