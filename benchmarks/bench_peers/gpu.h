// The cases for a GPU: what is bound by its memory, by its arithmetic, and by the host that feeds it.
#pragma once
#include "autograd/ops/ops.h"
#include "benchmarks/bench_peers/stopwatch.h"

namespace bench {

/// Twelve elementwise ops.
scoregrad::Tensor chain(const scoregrad::Tensor& x);
/// Expects cuda as the default device.
void gpu_cases(const Options& options);

}  // namespace bench
