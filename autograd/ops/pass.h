// What a rule computes when nobody will differentiate it: a whole expression in one pass over its operands.
#pragma once
#include <tuple>

#include "autograd/ops/expression.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// The program on operands that broadcast to `shape`, all of one dtype and device; leaves no graph.
Tensor run_program(Where at, const ProgramBuilder::Finished& program, std::initializer_list<const Tensor*> operands, const Shape& shape);

/// expression(x, ...) with each operand an Expr:  one_pass(at, shape, [](Expr a, Expr b) { return a * b + 1; }, a, b).
template <class F, class... T>
Tensor one_pass(Where at, const Shape& shape, F expression, const T&... operands) {
  ProgramBuilder builder;
  const auto in = [&](const Tensor&) { return Expr(&builder, builder.operand()); };
  const std::tuple arguments{in(operands)...};  // braces: in this order
  const Expr result = std::apply(expression, arguments);
  return run_program(at, builder.finish({result.value}, true), {&operands...}, shape);
}

}  // namespace scoregrad
