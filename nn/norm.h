// Normalisation layers: the ops with a weight and a bias that can be learnt.
#pragma once
#include "nn/module.h"

namespace scoregrad::nn {

/// (x - mean) / sqrt(var + eps) * weight + bias over the last axis.   x [.., width] -> [.., width]
struct LayerNorm {
  Tensor weight, bias;  ///< [width], ones and zeros at first
  double eps = 1e-5;

  LayerNorm() = default;
  explicit LayerNorm(int64_t width, Options options = {}, Where at = Where::here());
  LayerNorm(Tensor weight_, Tensor bias_, double eps_ = 1e-5) : weight(std::move(weight_)), bias(std::move(bias_)), eps(eps_) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("weight", m.weight);
    visit("bias", m.bias);
  }
};

/// The same over each of `groups` groups of channels and all positions; as many groups as channels make it an instance norm.
/// x [n, channels, ..] -> [n, channels, ..]
struct GroupNorm {
  int64_t groups = 1;
  Tensor weight, bias;  ///< [channels], ones and zeros at first
  double eps = 1e-5;

  GroupNorm() = default;
  GroupNorm(int64_t groups_, int64_t channels, Options options = {}, Where at = Where::here());
  GroupNorm(int64_t groups_, Tensor weight_, Tensor bias_, double eps_ = 1e-5)
      : groups(groups_), weight(std::move(weight_)), bias(std::move(bias_)), eps(eps_) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("weight", m.weight);
    visit("bias", m.bias);
  }
};

}  // namespace scoregrad::nn
