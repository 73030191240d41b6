// What reaches the inside of a network beside its input: a condition that modulates each layer, and the key of what is dropped.
#pragma once
#include <optional>

#include "nn/linear.h"

namespace scoregrad::nn {

/// net(x, {.condition = c, .dropout = key}); without a key nothing is dropped, as evaluation wants it.
struct Context {
  Tensor condition = {};  ///< [.., m] for x [.., d], with the leading axes of x or the first of them
  std::optional<Key> dropout = {};
};

/// y = x (1 + f) + g with [f, g] = projection(c), repeated over the axes of x that c lacks. After a layer norm this is AdaLN.
/// x [b, .., width], c [b, m] -> [b, .., width]   (Perez et al. 2018; Peebles & Xie 2023)
struct FiLM {
  Linear projection;  ///< m -> 2 width: the factors, then the shifts; zeros at first, so that training starts from y = x

  FiLM() = default;
  FiLM(int64_t condition, int64_t width, Options options = {}, Where at = Where::here());
  explicit FiLM(Linear projection_) : projection(std::move(projection_)) {}

  Tensor operator()(const Tensor& x, const Tensor& c, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("projection", m.projection); }
};

/// y = x / (1 - rate) where a uniform number drawn by the key is at least `rate`, else 0; without a key y = x.
struct Dropout {
  double rate = 0;

  Dropout() = default;
  /// Throws Error unless 0 <= rate < 1.
  explicit Dropout(double rate_, Where at = Where::here());

  Tensor operator()(const Tensor& x, const std::optional<Key>& key, Where at = Where::here()) const;
};

}  // namespace scoregrad::nn
