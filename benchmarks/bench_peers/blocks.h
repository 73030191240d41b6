// A training step of a small convolutional network, and a transformer block forward and backward.
#pragma once
#include "benchmarks/bench_peers/stopwatch.h"

namespace bench {

void block_cases(const Options& options);

}  // namespace bench
