// The device's memory: one stretch of addresses. Every allocation lies between two zones whose bytes are checked, and begins as bytes of
// 255, which are NaN.
//
// SCOREGRAD_EMULATED_MEMORY: bytes that there are. SCOREGRAD_EMULATED_OVERHEAD: bytes that each handle of a library, each module and each
// graph takes of them. SCOREGRAD_EMULATED_ZONES=1: zones are looked at after every kernel, not only at the end
// of an allocation. SCOREGRAD_EMULATED_PROTECT=1: a host function that reads or writes device memory faults; two system calls whenever the
// device works, slow in virtual machines.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>

#include "tests/cuda/emulated/device.h"

namespace emulated {

namespace {

constexpr size_t reserved = size_t{64} << 30, zone = 256;
constexpr unsigned char zone_byte = 0xa5, fresh_byte = 0xff;

struct Memory {
  char* base;
  size_t top = 0, used = 0;
  const size_t limit = setting("SCOREGRAD_EMULATED_MEMORY", size_t{4} << 30);
  const size_t overhead = setting("SCOREGRAD_EMULATED_OVERHEAD", 0);
  const bool protects = setting("SCOREGRAD_EMULATED_PROTECT", 0) != 0;
  std::map<size_t, size_t> live;  // offset of the data -> bytes
  std::map<size_t, size_t> free;  // offset -> bytes, neighbours joined
  std::map<void*, size_t> pinned;
  int users = 0;

  Memory() {
    base = static_cast<char*>(
        mmap(nullptr, reserved, protects ? PROT_NONE : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base == MAP_FAILED) std::perror("emulated device memory"), std::abort();
    madvise(base, reserved, MADV_HUGEPAGE);  // few page-table entries to change
  }
  void open(bool yes) const {
    if (top > 0) mprotect(base, (top + 4095) / 4096 * 4096, yes ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  bool zones_intact(size_t offset, size_t bytes) const {
    const size_t end = (offset + bytes + zone - 1) / zone * zone + zone;
    for (size_t i = offset - zone; i < offset; ++i)
      if (static_cast<unsigned char>(base[i]) != zone_byte) return false;
    for (size_t i = offset + bytes; i < end; ++i)
      if (static_cast<unsigned char>(base[i]) != zone_byte) return false;
    return true;
  }
};
Memory& memory() {
  static Memory* m = new Memory;
  return *m;
}

size_t padded(size_t bytes) { return (bytes + zone - 1) / zone * zone + 2 * zone; }

}  // namespace

Access::Access() {
  mutex().lock();
  Memory& m = memory();
  if (m.users++ == 0 && m.protects) m.open(true);
}
Access::~Access() {
  Memory& m = memory();
  if (--m.users == 0 && m.protects) m.open(false);
  mutex().unlock();
}

bool looks_like_device(const void* data) {
  const Memory& m = memory();
  return data >= m.base && data < m.base + reserved;
}

bool on_device(const void* data, size_t bytes) {
  const Memory& m = memory();
  if (!looks_like_device(data)) return false;
  const size_t offset = static_cast<size_t>(static_cast<const char*>(data) - m.base);
  auto after = m.live.upper_bound(offset);
  if (after == m.live.begin()) return false;
  --after;
  return offset + bytes <= after->first + after->second;
}

bool take_overhead() {
  const std::lock_guard lock(mutex());
  Memory& m = memory();
  if (m.used + m.overhead > m.limit) return false;
  m.used += m.overhead;
  return true;
}
void give_overhead() {
  const std::lock_guard lock(mutex());
  memory().used -= memory().overhead;
}

void check_zones(const std::string& who) {
  Memory& m = memory();
  for (const auto& [offset, bytes] : m.live)
    if (!m.zones_intact(offset, bytes))
      return break_down(cudaErrorIllegalAddress, who + " wrote outside of an allocation of " + std::to_string(bytes) + " bytes");
}

}  // namespace emulated

using namespace emulated;

extern "C" {

cudaError_t cudaMalloc(void** data, size_t bytes) {
  const std::lock_guard lock(mutex());
  if (const cudaError_t status = may_touch_device(); status != cudaSuccess) return status;
  finish();
  Memory& m = memory();
  if (broken() != cudaSuccess) return result(broken());
  if (bytes > m.limit || m.used + padded(bytes) > m.limit) return result(cudaErrorMemoryAllocation);
  const size_t size = padded(bytes);
  size_t offset = m.top;
  auto fit = m.free.begin();
  while (fit != m.free.end() && fit->second < size) ++fit;
  if (fit != m.free.end()) {
    offset = fit->first;
    if (fit->second > size) m.free[offset + size] = fit->second - size;
    m.free.erase(fit);
  } else {
    if (m.top + size > reserved) return result(cudaErrorMemoryAllocation);
    m.top += size;
  }
  m.used += size;
  m.live[offset + zone] = bytes;
  const Access access;
  if (m.protects) m.open(true);  // `top` may have grown within an access
  std::memset(m.base + offset, zone_byte, size);
  std::memset(m.base + offset + zone, fresh_byte, bytes);
  *data = m.base + offset + zone;
  return cudaSuccess;
}

cudaError_t cudaFree(void* data) {
  if (!data) return cudaSuccess;
  const std::lock_guard lock(mutex());
  if (const cudaError_t status = may_touch_device(); status != cudaSuccess) return status;
  finish();
  Memory& m = memory();
  const auto found = m.live.find(static_cast<size_t>(static_cast<char*>(data) - m.base));
  if (found == m.live.end()) return result(cudaErrorInvalidValue);
  const auto [at, bytes] = *found;
  const Access access;
  if (!m.zones_intact(at, bytes))
    break_down(cudaErrorIllegalAddress, "something wrote outside of an allocation of " + std::to_string(bytes) + " bytes");
  std::memset(m.base + at, fresh_byte, bytes);
  size_t offset = at - zone, size = padded(bytes);
  m.used -= size;
  m.live.erase(found);
  const auto after = m.free.lower_bound(offset);
  if (after != m.free.end() && after->first == offset + size) {
    size += after->second;
    m.free.erase(after);
  }
  const auto next = m.free.lower_bound(offset);
  if (next != m.free.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += size;
      return cudaSuccess;
    }
  }
  m.free[offset] = size;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(mutex());
  *total = memory().limit;
  *free = memory().limit - memory().used;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  const std::lock_guard lock(mutex());
  *data = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  std::memset(*data, fresh_byte, bytes);
  memory().pinned[*data] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* data) {
  const std::lock_guard lock(mutex());
  finish();
  memory().pinned.erase(data);
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  if (broken() != cudaSuccess) return result(broken());
  if (bytes == 0) return cudaSuccess;
  const bool to_device =
      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice || (kind == cudaMemcpyDefault && looks_like_device(to));
  const bool from_device =
      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice || (kind == cudaMemcpyDefault && looks_like_device(from));
  if ((to_device ? !on_device(to, bytes) : looks_like_device(to)) || (from_device ? !on_device(from, bytes) : looks_like_device(from)))
    return result(cudaErrorInvalidValue);
  // Addresses are good when the copy is enqueued; a graph may outlive them.
  const auto copy = [=] {
    if ((to_device && !on_device(to, bytes)) || (from_device && !on_device(from, bytes)))
      return break_down(cudaErrorIllegalAddress, "a graph copies from or to memory that is no more");
    std::memmove(to, from, bytes);
  };
  // Only a copy between device and pinned memory goes on behind the caller's back.
  const void* host = to_device ? from : to;
  const Memory& m = memory();
  auto block = m.pinned.upper_bound(const_cast<void*>(host));
  const bool is_pinned =
      block != m.pinned.begin() && static_cast<const char*>(host) + bytes <= static_cast<char*>((--block)->first) + block->second;
  const bool waits = to_device != from_device && !is_pinned;
  if (const cudaError_t status = waits ? may_wait(stream) : cudaSuccess; status != cudaSuccess) return status;
  enqueue(stream, copy);
  if (waits) finish();
  return result(broken());
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t refused = may_touch_device(); refused != cudaSuccess) return refused;
  const cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  finish();
  return status;
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  if (broken() != cudaSuccess) return result(broken());
  if (!on_device(to, bytes)) return result(cudaErrorInvalidValue);
  enqueue(stream, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

}  // extern "C"
