// What training cases share.
#pragma once
#include <scoregrad.h>

namespace bench {

/// What a step of Adam writes: the parameters, the averages of their gradients, the roots of those of the squares; each in the order of the
/// parameters.
scoregrad::Tensors adam_state(const scoregrad::nn::Adam& adam);

}  // namespace bench
