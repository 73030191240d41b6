// Work on many particles.
#pragma once
#include "benchmarks/bench_peers/stopwatch.h"

namespace bench {

/// langevin: 100 steps of 4096 particles in the plane with the score of a network and of a mixture of 5 Gaussians; pathwise_c_grad: the
/// gradient in c [8] of Monte-Carlo DSM over 65,536 samples x = mu(c) + L(c) z. Each eager and compiled.
void particle_cases(const Options& options);

}  // namespace bench
