#include "cpu/threads.h"

#include <pthread.h>

#include "autograd/backend/machine.h"
#include "cpu/memory.h"

namespace scoregrad {
namespace {

#if SCOREGRAD_HAVE_OPENMP
// The team does not follow into a child: a parallel loop there would wait for it for ever. The handlers call nothing of OpenMP, which may
// still hold its own locks when they run (libomp does).
constinit thread_local bool in_child = false;
[[maybe_unused]] const bool watched = [] {
  pthread_atfork(on_cpu::lock_pool, on_cpu::unlock_pool, [] {
    on_cpu::unlock_pool();
    in_child = true;
  });
  return true;
}();
#endif

}  // namespace

int on_cpu::team_size() { return threads(); }

int threads() {
#if SCOREGRAD_HAVE_OPENMP
  return in_child ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

void set_threads(int count, Where at) {
  if (count < 1) throw Error(at, "set_threads: " + std::to_string(count) + " threads; there must be at least one");
#if SCOREGRAD_HAVE_OPENMP
  if (!in_child) omp_set_num_threads(count);
#endif
}

}  // namespace scoregrad
