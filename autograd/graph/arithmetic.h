// The few ops that a sweep itself needs. They are defined in autograd/ops like all others.
#pragma once
#include "autograd/tensor/operand.h"

namespace scoregrad {

Tensor add(Operand a, Operand b);
Tensor mul(Operand a, Operand b);
/// Repeats axes of extent one, and new leading axes, up to `shape`. Adjoint: sum_to.
Tensor broadcast_to(Operand x, const Shape& shape);
/// Sums the axes that broadcasting to x's shape would repeat. Adjoint: broadcast_to.
Tensor sum_to(Operand x, const Shape& shape);
/// a + b; reuses a's bytes where nobody else can see them and nothing is recorded.
Tensor accumulate(Tensor a, const Tensor& b);

}  // namespace scoregrad
