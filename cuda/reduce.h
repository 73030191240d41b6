// Reductions of elementwise programs, for callers that fuse.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

/// The contract's `reduce` of the program's first result over inputs of one shape, which is computed and never stored.
void reduce_program(Reduction kind, const Program& program, const Shape& shape, const Access* inputs, const View& out, const Axes& axes);

}  // namespace scoregrad::on_cuda
