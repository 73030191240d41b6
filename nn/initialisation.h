// How weights begin. Each is a function of shape, key and options; a weight is [out, in] or, for convolutions, [out, in, ..], where the
// trailing extents count into both fans.
#pragma once
#include "autograd/ops/random.h"
#include "nn/module.h"

namespace scoregrad::nn {

using Initialisation = Tensor (*)(const Shape& shape, const Key& key, Options options, Where at);

/// Uniform with variance 2 / (fan_in + fan_out)   (Glorot & Bengio 2010, "Xavier"): keeps variances where the activation is linear or tanh.
Tensor glorot_uniform(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// Normal with the same variance.
Tensor glorot_normal(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// Uniform with variance 2 / fan_in   (He et al. 2015, "Kaiming"): the same for relu, silu and gelu.
Tensor he_uniform(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// Normal with the same variance.
Tensor he_normal(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// Uniform with variance 1 / fan_in   (LeCun et al. 1998).
Tensor lecun_uniform(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// Normal with the same variance.
Tensor lecun_normal(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());
/// A random matrix with orthonormal rows, or columns where there are fewer of them, uniform among all such; trailing extents count as
/// columns   (Saxe et al. 2014).
Tensor orthogonal(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());

/// Zeros, for a layer that should say nothing at first.
Tensor zero(const Shape& shape, const Key& key, Options options = {}, Where at = Where::here());

/// Writes into a module in place: `how` into each parameter called "weight" with two or more axes, zeros into each called "bias"; other
/// parameters keep their values. A weight's key is folded from its name.
template <Module M>
void initialise_(const M& m, Initialisation how, const Key& key, Where at = Where::here()) {
  const NoGrad guard;
  for (const auto& [name, t] : named_parameters(m)) {
    const std::string last = name.substr(name.rfind('.') + 1);
    if (last == "weight" && t.rank() >= 2) copy_(t, how(t.shape(), key.fold(name), like(t), at));
    if (last == "bias") zero_(t, at);
  }
}

}  // namespace scoregrad::nn
