// One team of threads for every kernel of this backend. Work is cut by shape alone and each piece is computed the same way whoever does
// it, so results do not depend on the number of threads.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>

#include "cpu/room.h"
#include "scoregrad/config.h"
#if SCOREGRAD_HAVE_OPENMP
#include <omp.h>
#endif

namespace scoregrad::on_cpu {

/// Work below this many nanoseconds stays on the calling thread: a fork and join costs about a microsecond where the team spins, but waking
/// threads that sleep takes 40 (measured on a virtual machine), and what is shared out must be faster then too.
constexpr double fork_ns = 100000;

/// How many threads the team has that this thread may call, itself included. Without OpenMP, and in a child of fork(), 1: the others have
/// stayed in the parent.
int team_size();

/// Calls f(i) for i in [0, n), by the team where the whole takes at least `fork_ns`, the caller is not in a team already and there is room
/// for its stacks. f must not throw.
template <class F>
void parallel_for(int64_t n, [[maybe_unused]] double total_ns, F&& f) {
#if SCOREGRAD_HAVE_OPENMP
  if (n > 1 && total_ns >= fork_ns && !omp_in_parallel() && team_size() > 1 &&
      (!space_is_limited.load(std::memory_order_relaxed) || team_fits(team_size()))) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; ++i) f(i);
    return;
  }
#endif
  for (int64_t i = 0; i < n; ++i) f(i);
}

/// Which thread of the team runs this; 0 outside of one.
inline int worker() {
#if SCOREGRAD_HAVE_OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/// Cuts [0, n) into pieces of `grain` and calls f(begin, end) for each, as parallel_for does; ns is the cost of one element.
template <class F>
void parallel_ranges(int64_t n, int64_t grain, double ns, F&& f) {
  if (n <= grain) {
    if (n > 0) f(int64_t{0}, n);
    return;
  }
  parallel_for((n + grain - 1) / grain, static_cast<double>(n) * ns, [&](int64_t i) {
    const int64_t begin = i * grain;
    f(begin, begin + grain < n ? begin + grain : n);
  });
}

/// No exception may leave a team: what work throws inside guard(), such as a lack of memory, is kept and thrown again after the team's end.
class Failure {
 public:
  template <class F>
  void guard(F&& f) noexcept {
    try {
      f();
    } catch (...) {
      if (!seen_.test_and_set()) first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic_flag seen_ = ATOMIC_FLAG_INIT;
  std::exception_ptr first_;
};

}  // namespace scoregrad::on_cpu
