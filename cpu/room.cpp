#include "cpu/room.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <vector>

#include "autograd/backend/error.h"
#include "cpu/threads.h"

// OpenBLAS's own: takes a buffer of those that are mapped, or maps one.
extern "C" void* blas_memory_alloc(int) __attribute__((weak));
extern "C" void blas_memory_free(void*) __attribute__((weak));

namespace scoregrad::on_cpu {
namespace {

constexpr int64_t unlimited = std::numeric_limits<int64_t>::max(), buffer_bytes = int64_t{136} << 20;

std::mutex& guard() {
  static std::mutex m;
  return m;
}
int calls = 0, buffers = 0;  // of BLAS under way; mapped for sure. Both under the guard

}  // namespace

int64_t space_left() {
  rlimit limit{};
  const bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  space_is_limited.store(limited, std::memory_order_relaxed);
  if (!limited) return unlimited;
  char text[32] = {};
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t n = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  const int64_t mapped = n > 0 ? std::strtoll(text, nullptr, 10) * sysconf(_SC_PAGESIZE) : 0;
  return std::max<int64_t>(0, static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, unlimited)) - mapped);
}

void demand_space(const char* who, int64_t bytes) {
  const int64_t left = space_left();
  if (left - kept_for_small < bytes)
    throw Error({}, fmt::format("out of memory: {} wants {} MiB and the limit of the address space (ulimit -v) leaves {} MiB, of which {} "
                                "are kept; raise it, or set_threads() to fewer",
                                who, bytes >> 20, left >> 20, kept_for_small >> 20));
}

bool team_fits(int threads) {
  static std::atomic<int> running{1};
  if (threads <= running.load(std::memory_order_relaxed)) return true;
  size_t stack = size_t{8} << 20;
  pthread_attr_t usual;
  if (pthread_getattr_default_np(&usual) == 0) {
    pthread_attr_getstacksize(&usual, &stack);
    pthread_attr_destroy(&usual);
  }
  // Beside its stack a thread takes an arena of malloc, if there is room for one.
  if (space_left() - kept_for_small < threads * (static_cast<int64_t>(stack) + (int64_t{64} << 20))) return false;
  running.store(threads, std::memory_order_relaxed);
  return true;
}

void BlasCall::begin() {
  const std::lock_guard lock(guard());
  const int wanted = std::max(calls + 1, buffers == 0 ? team_size() : 0);
  if (wanted > buffers && blas_memory_alloc && blas_memory_free) {
    // Those that other calls hold cannot be taken, so as many new ones may come.
    demand_space("OpenBLAS", (wanted - buffers + calls) * buffer_bytes);
    std::vector<void*> held;
    for (int i = 0; i < wanted; ++i) held.push_back(blas_memory_alloc(0));
    for (void* buffer : held) blas_memory_free(buffer);
    buffers = wanted;
  }
  ++calls;
}

void BlasCall::end() {
  const std::lock_guard lock(guard());
  --calls;
}

}  // namespace scoregrad::on_cpu
