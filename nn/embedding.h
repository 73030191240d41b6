// Inputs that are not vectors yet: indices, and numbers that a network should see at several scales.
#pragma once
#include "autograd/ops/random.h"
#include "nn/module.h"

namespace scoregrad::nn {

/// y = weight[index].   int64 [..] -> [.., width]
struct Embedding {
  Tensor weight;  ///< [count, width]

  Embedding() = default;
  /// N(0, 1).
  Embedding(int64_t count, int64_t width, const Key& key, Options options = {}, Where at = Where::here());
  explicit Embedding(Tensor weight_) : weight(std::move(weight_)) {}

  Tensor operator()(const Tensor& index, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("weight", m.weight); }
};

/// y = [sin(2 pi F x), cos(2 pi F x)] with fixed random frequencies: what lets a small network follow fine detail.
/// x [.., inputs] -> [.., features]   (Tancik et al. 2020)
struct FourierFeatures {
  Tensor frequencies;  ///< [features / 2, inputs]; saved, not trained

  FourierFeatures() = default;
  /// N(0, scale^2): about `scale` periods over a distance of one. Throws Error unless `features` is even.
  FourierFeatures(int64_t inputs, int64_t features, double scale, const Key& key, Options options = {}, Where at = Where::here());
  explicit FourierFeatures(Tensor frequencies_) : frequencies(std::move(frequencies_)) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("frequencies", m.frequencies); }
};

/// y = [sin(t w_i), cos(t w_i)] with w_i = longest^(-i / half), i = 0 .. half - 1, half = features / 2: for times and places that are whole
/// numbers; noise levels go in as scale log sigma. Throws Error unless `features` is even.   t [..] -> [.., features]   (Vaswani et al.
/// 2017, with sines and cosines side by side as in Ho et al. 2020)
Tensor sinusoidal_features(const Tensor& t, int64_t features, double longest = 10000, Where at = Where::here());

}  // namespace scoregrad::nn
