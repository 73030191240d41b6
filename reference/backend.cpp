// The reference's table, and its memory: the C library's, counted.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "reference/run.h"

namespace scoregrad {
namespace on_reference {
namespace {

constexpr size_t alignment = 64, largest_request = size_t{1} << 39;

std::mutex mutex;
MemoryUse use{0, 0, 0};

void* allocate(Where at, size_t bytes) {
  const std::lock_guard lock(mutex);
  void* data = bytes <= largest_request ? std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment) : nullptr;
  if (!data) throw Error(at, fmt::format("allocate: out of memory, {} bytes asked for with {} bytes in use", bytes, use.live));
  use.live += static_cast<int64_t>(bytes);
  use.peak = std::max(use.peak, use.live);
  return data;
}

void release(void* data, size_t bytes) noexcept {
  const std::lock_guard lock(mutex);
  use.live -= static_cast<int64_t>(bytes);
  std::free(data);
}

MemoryUse memory() {
  const std::lock_guard lock(mutex);
  return use;
}

void reset_peak() {
  const std::lock_guard lock(mutex);
  use.peak = use.live;
}

constexpr Backend table{
    .name = "reference",
    .allocate = allocate,
    .release = release,
    .synchronise = [] {},  // a call returns when it is done
    .memory = memory,
    .reset_peak = reset_peak,
    .entries = entries_of([](const Backend&, Where at, const auto& c) -> decltype(run(at, c)) { run(at, c); }),
    .begin_graph = nullptr,  // calls are made one by one, here and now
    .end_graph = nullptr,
    .launch_graph = nullptr,
    .destroy_graph = nullptr,
    .share = nullptr,
};

}  // namespace
}  // namespace on_reference

const Backend& reference_backend(Where) { return on_reference::table; }

}  // namespace scoregrad
