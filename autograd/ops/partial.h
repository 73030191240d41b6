// The derivative column of the elementwise table, in its two readings.
#pragma once
#include "autograd/backend/program_builder.h"
#include "autograd/ops/elementwise.h"

namespace scoregrad {

/// Partial `operand` (0 or 1) of a row.
struct Partial {
  enum Kind : uint8_t {
    none,   ///< no gradient flows
    one,    ///< the cotangent passes unchanged
    other,  ///< g times the expression
  };
  Kind kind;
  bool uses_a, uses_b, uses_y;  ///< what the expression mentions; a unary row's x counts as a
  /// g * partial of the operands g, a, b, y, unused ones included.
  ProgramBuilder::Finished program;
  /// g times the expression, in tensors; what is not mentioned may be undefined.
  Tensor (*on_tensors)(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y);
};
const Partial& partial(Op op, int operand);

}  // namespace scoregrad
