// The cases for a GPU: what is bound by its memory, by its arithmetic, and by the host that feeds it.
#pragma once
#include "benchmarks/cases/stopwatch.h"

namespace bench {

/// Expects cuda as the default device.
void gpu_cases(const Options& options);

}  // namespace bench
