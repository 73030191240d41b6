// What stands beside a network's input must fit it: an op would broadcast the input instead.
#pragma once
#include "autograd/tensor/tensor.h"

namespace scoregrad::nn {

/// Throws Error unless each of the first `axes` extents of `extra` is that of x, or 1.
void check_beside(const char* who, const char* what, const Tensor& extra, int axes, const Tensor& x, Where at);
/// Throws Error for a level that is not positive, where its values are at hand: on the CPU, outside of a step that is being recorded.
void check_levels(const char* who, const Tensor& level, Where at);

}  // namespace scoregrad::nn
