// The consumer's own network, in a folder that the library has too.
#pragma once
#include <scoregrad.h>

namespace nn {

/// x w, with one weight.
struct MLP {
  scoregrad::Tensor weight;
  scoregrad::Tensor operator()(const scoregrad::Tensor& x) const { return x * weight; }
};

}  // namespace nn
