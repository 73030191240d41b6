// The pool: free lists over cudaMalloc, by classes of size. There is one stream, so a block may be handed out again as soon as its last use
// is enqueued, and nothing here ever waits for the GPU. Blocks below 1 MiB are cut from slabs. Free blocks are kept until an allocation
// fails; then all of them go back to the driver and it is tried again.
#include "cuda/memory.h"

#include <fmt/format.h>

#include <mutex>

#include "cuda/context.h"
#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

namespace {

// Classes: multiples of 256 up to 1 KiB, then eight to each doubling, all multiples of 128.
constexpr int small_classes = 4, all_classes = small_classes + 8 * 36;
constexpr size_t slab_bytes = size_t{2} << 20, own_block_from = size_t{1} << 20, largest_request = size_t{1} << 45;

constexpr int class_of(size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) >> 8);
  const size_t n = bytes - 1;
  const int e = 63 - __builtin_clzll(n);
  return small_classes + (e - 10) * 8 + static_cast<int>((n >> (e - 3)) & 7);
}
constexpr size_t class_bytes(int c) {
  if (c < small_classes) return static_cast<size_t>(c + 1) << 8;
  const int e = 10 + (c - small_classes) / 8, eighth = (c - small_classes) % 8;
  return (size_t{1} << e) + (static_cast<size_t>(eighth + 1) << (e - 3));
}
static_assert(class_of(1) == 0 && class_of(1024) == 3 && class_bytes(class_of(1025)) == 1152 && class_bytes(class_of(1 << 20)) == 1 << 20);
static_assert(class_of(largest_request) < all_classes);

thread_local Held* holding;

struct Pool {
  std::mutex mutex;
  std::vector<void*> free[all_classes];
  int64_t live = 0, peak = 0, pooled = 0;
  // SCOREGRAD_CUDA_POOL=0: every block from the driver and back, so that compute-sanitizer sees its bounds
  const bool keeps = !switched_off("SCOREGRAD_CUDA_POOL");
};
Pool& pool() {
  static Pool* p = new Pool;  // never destroyed: tensors of static storage are released at exit
  return *p;
}

/// Null where the driver has no memory left.
void* from_driver(Where at, size_t bytes) {
  void* data = nullptr;
  stream();  // makes the device current
  const AllowedInCapture allowed;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(at, "allocate", status);
  return data;
}

/// The mutex is held. Slabs stay: what was cut from them is in use or small.
void empty(Pool& p) {
  for (int c = 0; c < all_classes; ++c) {
    const size_t size = class_bytes(c);
    if (size < own_block_from) continue;
    for (void* data : p.free[c]) cudaFree(data);
    p.pooled -= static_cast<int64_t>(size * p.free[c].size());
    p.free[c].clear();
  }
}

/// The mutex is held.
void* fresh(Pool& p, Where at, int c) {
  const size_t size = class_bytes(c);
  if (size >= own_block_from) return from_driver(at, size);
  char* slab = static_cast<char*>(from_driver(at, slab_bytes));
  if (!slab) return nullptr;
  for (size_t offset = slab_bytes / size * size - size; offset > 0; offset -= size) {
    p.free[c].push_back(slab + offset);
    p.pooled += static_cast<int64_t>(size);
  }
  return slab;
}

void* take(Pool& p, Where at, int c) {
  if (!p.free[c].empty()) {
    void* data = p.free[c].back();
    p.free[c].pop_back();
    p.pooled -= static_cast<int64_t>(class_bytes(c));
    return data;
  }
  return fresh(p, at, c);
}

void* take_block(Where at, size_t bytes) {
  Pool& p = pool();
  void* data = nullptr;
  with_pool_emptied([&] {
    const std::lock_guard lock(p.mutex);
    if (!p.keeps)
      data = from_driver(at, bytes > 0 ? bytes : 1);
    else if (bytes <= largest_request)
      data = take(p, at, class_of(bytes));
    return data || bytes > largest_request ? cudaSuccess : cudaErrorMemoryAllocation;
  });
  const std::lock_guard lock(p.mutex);
  if (!data)
    throw Error(at, fmt::format("allocate: out of memory on the GPU, {} bytes asked for with {} bytes in use of {}", bytes, p.live,
                                device().memory));
  p.live += static_cast<int64_t>(bytes);
  if (p.live > p.peak) p.peak = p.live;
  return data;
}

void give_block(void* data, size_t bytes) noexcept {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.live -= static_cast<int64_t>(bytes);
  if (!p.keeps) {
    cudaFree(data);
    return;
  }
  const int c = class_of(bytes);
  p.free[c].push_back(data);
  p.pooled += static_cast<int64_t>(class_bytes(c));
}

}  // namespace

void* allocate(Where at, size_t bytes) {
  note_line(at);
  return holding ? holding->take(at, bytes) : take_block(at, bytes);
}

void release(void* data, size_t bytes) noexcept {
  if (data && !(holding && holding->give(data))) give_block(data, bytes);
}

void hold(Held* held) { holding = held; }

void* Held::take(Where at, size_t bytes) {
  for (Block& b : blocks_)
    if (!b.used && class_of(b.bytes) == class_of(bytes) && (pool().keeps || b.bytes >= bytes)) {
      b.used = true;
      return b.data;
    }
  void* data = take_block(at, bytes);
  blocks_.push_back({data, bytes, true});
  return data;
}

bool Held::give(const void* data) noexcept {
  for (Block& b : blocks_)
    if (b.data == data) {
      b.used = false;
      return true;
    }
  return false;
}

Held::~Held() {
  for (const Block& b : blocks_) give_block(b.data, b.bytes);
}

MemoryUse memory() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  return {p.live, p.peak, p.pooled};
}

void reset_peak() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.peak = p.live;
}

void empty_pool() {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  empty(p);
}

bool may_empty_pool() { return !holding; }

}  // namespace scoregrad::on_cuda
