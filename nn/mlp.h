// Fully connected layers with an activation between them.
#pragma once
#include "nn/linear.h"

namespace scoregrad::nn {

using Activation = Tensor (*)(Operand);
using scoregrad::gelu;
using scoregrad::relu;
using scoregrad::silu;
using scoregrad::softplus;
using scoregrad::tanh;

/// h <- activation(h W' + b) for each layer, without the activation after the last.   [.., widths.front()] -> [.., widths.back()]
struct MLP {
  std::vector<Linear> layers;
  Activation activation = silu;

  MLP() = default;
  MLP(std::vector<Linear> layers_, Activation activation_) : layers(std::move(layers_)), activation(activation_) {}
  /// Layers of the given widths, input and output included.
  MLP(const std::vector<int64_t>& widths, Activation activation_, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("layers", m.layers); }
};

}  // namespace scoregrad::nn
