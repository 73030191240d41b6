// The chain of ops that is timed on every device.
#pragma once
#include "autograd/tensor/tensor.h"

namespace bench {

/// Twelve elementwise ops, four of them transcendental.
scoregrad::Tensor chain(const scoregrad::Tensor& x);

}  // namespace bench
