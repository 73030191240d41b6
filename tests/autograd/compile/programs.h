// How many random programs a test compiles.
#pragma once
#include <cstdlib>

#include "autograd/tensor/create.h"

namespace scoregrad {

/// On the CPU times SCOREGRAD_PROGRAMS, where that is set; on a GPU fewer, because kernels are compiled for each program.
inline unsigned programs(unsigned on_cpu, unsigned on_gpu) {
  const char* times = std::getenv("SCOREGRAD_PROGRAMS");
  return default_device() == cpu ? static_cast<unsigned>(on_cpu * (times ? std::atof(times) : 1)) : on_gpu;
}

}  // namespace scoregrad
