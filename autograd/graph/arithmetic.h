// The few ops that the graph itself needs: sweeps, and what is put together from several of them. They are defined in autograd/ops like
// all others; ops.h says what those without a line of their own do here.
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

Tensor sum(Operand x, const Axes& axes, bool keep);
Tensor reshape(Operand x, const Shape& shape);
Tensor select(Operand x, int64_t axis, int64_t index);
Tensor stack(const Tensors& xs, int64_t axis, Where at);

}  // namespace scoregrad
