// Elementwise programs on the CPU.
#pragma once
#include "autograd/backend/program.h"

namespace scoregrad::on_cpu {

/// Runs a program over `shape`: registers are blocks of some hundred elements that stay in the first-level cache, one loop a row of the
/// table. Results do not depend on strides, block borders, fusion or the number of threads. mod by zero is 0 for int64.
void elementwise(const Program& program, const Shape& shape, const Access* inputs, const Access* outputs);

}  // namespace scoregrad::on_cpu
