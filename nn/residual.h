// The block that convolutional score networks are made of.
#pragma once
#include "nn/conditioning.h"
#include "nn/conv.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace scoregrad::nn {

/// y = skip(x) + conv2(drop(silu(norm2(conv1(silu(norm1(x))) + time(t))))), where t is an embedding of the noise level, added to every
/// position. x [n, in, h, w], t [n, embedding] -> [n, out, h, w]   (Ho et al. 2020, appendix B)
struct ResidualBlock {
  GroupNorm norm1;
  Conv2d conv1;
  Linear time;  ///< without a weight if nothing is embedded
  GroupNorm norm2;
  Conv2d conv2;
  Conv2d skip;  ///< 1 x 1; without a weight, x itself
  Dropout dropout;

  /// 3 x 3 convolutions. embedding = 0: no t.
  ResidualBlock(int64_t in, int64_t out, int64_t embedding, int64_t groups, const Key& key, Options options = {}, Where at = Where::here());
  ResidualBlock(GroupNorm norm1_, Conv2d conv1_, Linear time_, GroupNorm norm2_, Conv2d conv2_, Conv2d skip_ = {})
      : norm1(std::move(norm1_)),
        conv1(std::move(conv1_)),
        time(std::move(time_)),
        norm2(std::move(norm2_)),
        conv2(std::move(conv2_)),
        skip(std::move(skip_)) {}
  ResidualBlock() = default;

  /// t may be undefined where the block has no time; throws Error if one is given without the other.
  Tensor operator()(const Tensor& x, const Tensor& t = {}, Where at = Where::here()) const;
  /// Without a key nothing is dropped.
  Tensor operator()(const Tensor& x, const Tensor& t, const std::optional<Key>& key, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("norm1", m.norm1);
    visit("conv1", m.conv1);
    visit("time", m.time);
    visit("norm2", m.norm2);
    visit("conv2", m.conv2);
    visit("skip", m.skip);
  }
};

}  // namespace scoregrad::nn
