// Fully connected layers with an activation between them.
#pragma once
#include "nn/conditioning.h"
#include "nn/norm.h"

namespace scoregrad::nn {

using Activation = Tensor (*)(Operand);
using scoregrad::gelu;
using scoregrad::relu;
using scoregrad::silu;
using scoregrad::softplus;
using scoregrad::tanh;

struct MLPOptions {
  Activation activation = silu;
  bool norm = false;      ///< a layer norm before each activation
  bool residual = false;  ///< add what a hidden layer received where it keeps the width
  int64_t condition = 0;  ///< the width of a condition that modulates each hidden layer before its activation; 0: none
  double dropout = 0;     ///< rate, after each activation
};

/// h <- [h +] drop(activation(film(norm(h W' + b), c))) for each hidden layer, each part if asked for, then h W' + b.
/// [.., widths.front()] -> [.., widths.back()]
struct MLP {
  std::vector<Linear> layers;
  std::vector<LayerNorm> norms;  ///< one a hidden layer, or none
  std::vector<FiLM> films;       ///< one a hidden layer, or none
  Activation activation = silu;
  bool residual = false;
  Dropout dropout;

  MLP() = default;
  MLP(std::vector<Linear> layers_, Activation activation_) : layers(std::move(layers_)), activation(activation_) {}
  /// Layers of the given widths, input and output included.
  MLP(const std::vector<int64_t>& widths, Activation activation_, const Key& key, Options options = {}, Where at = Where::here());
  MLP(const std::vector<int64_t>& widths, const MLPOptions& how, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  Tensor operator()(const Tensor& x, const Context& context, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("layers", m.layers);
    visit("norms", m.norms);
    visit("films", m.films);
  }
};

}  // namespace scoregrad::nn
