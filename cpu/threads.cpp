#include "cpu/threads.h"

#include "autograd/backend/machine.h"

namespace scoregrad {

int threads() {
#if SCOREGRAD_HAVE_OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void set_threads(int count, Where at) {
  if (count < 1) throw Error(at, "set_threads: " + std::to_string(count) + " threads; there must be at least one");
#if SCOREGRAD_HAVE_OPENMP
  omp_set_num_threads(count);
#endif
}

}  // namespace scoregrad
