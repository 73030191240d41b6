// The device's stream, its errors and what it says of itself: a GPU of compute capability 9.0 with few multiprocessors, so that loops
// over the grid do loop (SCOREGRAD_EMULATED_PROCESSORS: how many; what shares work out asks).
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>

#include <cuda.h>
#include "tests/cuda/emulated/device.h"

struct CUevent_st {
  int64_t ticket = 0;
  bool captured = false;  // it marks a place in a graph, not one in time
  std::chrono::steady_clock::time_point time;
};

namespace emulated {

namespace {

constexpr size_t most_waiting = 256;
constexpr unsigned most_threads = 1024;
constexpr size_t shared_bytes = 48 << 10;

struct Stream {
  std::deque<std::function<void()>> waiting;
  int64_t enqueued = 0;
  cudaError_t broken = cudaSuccess;
  bool working = false;
};
Stream& stream() {
  static Stream* s = new Stream;
  return *s;
}
thread_local cudaError_t last_error = cudaSuccess;

}  // namespace

std::recursive_mutex& mutex() {
  static auto* m = new std::recursive_mutex;
  return *m;
}

unsigned long long setting(const char* variable, unsigned long long otherwise) {
  const char* value = std::getenv(variable);
  return value && *value ? std::strtoull(value, nullptr, 0) : otherwise;
}

void enqueue(cudaStream_t on, std::function<void()> work) {
  const std::lock_guard lock(mutex());
  if (captures(on)) return capture(on, std::move(work));
  Stream& s = stream();
  s.waiting.push_back(std::move(work));
  ++s.enqueued;
  if (s.waiting.size() > most_waiting) finish(s.enqueued - static_cast<int64_t>(most_waiting / 2));
}

void finish(int64_t ticket) {
  const std::lock_guard lock(mutex());
  Stream& s = stream();
  if (s.working || s.waiting.empty()) return;
  s.working = true;
  {
    const Access access;
    while (!s.waiting.empty() && s.enqueued - static_cast<int64_t>(s.waiting.size()) < ticket) {
      const std::function<void()> work = std::move(s.waiting.front());
      s.waiting.pop_front();
      if (s.broken == cudaSuccess) work();
    }
  }
  s.working = false;
}

int64_t last_ticket() { return stream().enqueued; }

void break_down(cudaError_t status, const std::string& reason) {
  std::fprintf(stderr, "emulated GPU: %s\n", reason.c_str());
  if (stream().broken == cudaSuccess) stream().broken = status;
}

cudaError_t broken() { return stream().broken; }

cudaError_t result(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}

cudaError_t enqueue_kernel(Call* call, const void* kernel, dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  // A function object may be copied, a call may not.
  const std::shared_ptr<Call> held(call, [](Call* c) { c->drop(c); });
  if (broken() != cudaSuccess) return result(broken());
  const uint64_t threads = uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > most_threads || block.z > 64 || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535)
    return result(cudaErrorInvalidConfiguration);
  if (shared > shared_bytes) return result(cudaErrorInvalidValue);
  enqueue(stream, [=] {
    static const bool every_time = setting("SCOREGRAD_EMULATED_ZONES", 0) != 0;
    const std::string wrong = run({held.get(), kernel, grid, block});
    if (!wrong.empty()) break_down(cudaErrorLaunchFailure, wrong);
    if (every_time) check_zones("a kernel");
  });
  return cudaSuccess;
}

}  // namespace emulated

using namespace emulated;

extern "C" {

const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
#define SG_NAME(name) \
  case name:          \
    return #name;
    SG_NAME(cudaSuccess)
    SG_NAME(cudaErrorInvalidValue)
    SG_NAME(cudaErrorMemoryAllocation)
    SG_NAME(cudaErrorInvalidConfiguration)
    SG_NAME(cudaErrorInvalidDevice)
    SG_NAME(cudaErrorIllegalAddress)
    SG_NAME(cudaErrorLaunchFailure)
    SG_NAME(cudaErrorStreamCaptureUnsupported)
    SG_NAME(cudaErrorStreamCaptureInvalidated)
    SG_NAME(cudaErrorCapturedEvent)
    SG_NAME(cudaErrorStreamCaptureWrongThread)
#undef SG_NAME
    default:
      return "another cudaError";
  }
}
const char* cudaGetErrorString(cudaError_t status) { return cudaGetErrorName(status); }
cudaError_t cudaGetLastError() {
  const cudaError_t status = last_error;
  last_error = cudaSuccess;
  return status;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaDriverGetVersion(int* version) { return *version = CUDART_VERSION, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = CUDART_VERSION, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaSetDevice(int index) { return result(index == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
cudaError_t cudaGetDevice(int* index) { return *index = 0, cudaSuccess; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* out, int index) {
  if (index != 0) return result(cudaErrorInvalidDevice);
  *out = {};
  std::snprintf(out->name, sizeof out->name, "emulated GPU");
  size_t free;
  cudaMemGetInfo(&free, &out->totalGlobalMem);
  out->sharedMemPerBlock = shared_bytes;
  out->warpSize = 32;
  out->maxThreadsPerBlock = most_threads;
  out->maxThreadsPerMultiProcessor = 2048;
  out->major = 9;
  out->minor = 0;
  out->multiProcessorCount = static_cast<int>(setting("SCOREGRAD_EMULATED_PROCESSORS", 3));
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int index) {
  cudaDeviceProp p;
  const cudaError_t status = cudaGetDeviceProperties(&p, index);
  *value = attribute == cudaDevAttrMaxThreadsPerBlock        ? p.maxThreadsPerBlock
           : attribute == cudaDevAttrMaxSharedMemoryPerBlock ? static_cast<int>(p.sharedMemPerBlock)
                                                             : p.multiProcessorCount;
  return status;
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t status = may_touch_device(); status != cudaSuccess) return status;
  finish();
  return result(broken());
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t status = may_wait(stream); status != cudaSuccess) return status;
  finish();
  return result(broken());
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(mutex());
  event->captured = captures(stream);
  if (event->captured) return result(broken());
  event->ticket = last_ticket();
  enqueue(stream, [event, ticket = event->ticket + 1] {
    if (event->ticket <= ticket) event->time = std::chrono::steady_clock::now();
  });
  event->ticket = last_ticket();
  return result(broken());
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (event->captured) return result(cudaErrorCapturedEvent);
  finish(event->ticket);
  return result(broken());
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  finish();
  *milliseconds = std::chrono::duration<float, std::milli>(to->time - from->time).count();
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  finish();
  delete event;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** address, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult*) {
  *address = nullptr;
#define SG_ENTRY(function) \
  if (std::strcmp(name, #function) == 0) *address = reinterpret_cast<void*>(function);
  SG_ENTRY(cuModuleLoadData)
  SG_ENTRY(cuModuleGetFunction)
  SG_ENTRY(cuModuleUnload)
  SG_ENTRY(cuLaunchKernel)
  SG_ENTRY(cuGetErrorString)
#undef SG_ENTRY
  return result(*address ? cudaSuccess : cudaErrorInvalidValue);
}

}  // extern "C"
