// Derivatives of derivatives.
#pragma once
#include "benchmarks/bench_peers/stopwatch.h"

namespace bench {

/// jacobian_trace: the implicit loss with the exact trace of ds/dx and its gradient in the weights, batch 128, for networks 2-128-128-2 and
/// 64-256-256-64; hvp: Hessian-vector product of the small denoising loss, forward over reverse. Each eager and compiled.
void derivative_cases(const Options& options);

}  // namespace bench
