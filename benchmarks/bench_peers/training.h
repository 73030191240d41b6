// Training steps of small score networks: the cases in which everything meets.
#pragma once
#include "benchmarks/bench_peers/stopwatch.h"

namespace bench {

/// One step of denoising score matching on eight clusters in the plane, small (3-128-128-2, batch 128) and large (four hidden layers of
/// 1024, batch 1024), SiLU and Adam, eager and compiled.
void training_cases(const Options& options);

}  // namespace bench
