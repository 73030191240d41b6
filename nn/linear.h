// An affine map.
#pragma once
#include "autograd/ops/random.h"
#include "nn/module.h"

namespace scoregrad::nn {

/// y = x weight' + bias.   x [.., in] -> [.., out]
struct Linear {
  Tensor weight;  ///< [out, in]
  Tensor bias;    ///< [out]; may be undefined: none

  Linear() = default;
  /// Both uniform on +-1/sqrt(in).
  Linear(int64_t in, int64_t out, const Key& key, Options options = {}, Where at = Where::here());
  Linear(Tensor weight_, Tensor bias_) : weight(std::move(weight_)), bias(std::move(bias_)) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("weight", m.weight);
    visit("bias", m.bias);
  }
};

}  // namespace scoregrad::nn
