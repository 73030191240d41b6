// The pool that every tensor on the GPU and every scratch buffer of a kernel comes from.
#pragma once
#include <cuda_runtime.h>

#include <vector>

#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

void* allocate(Where at, size_t bytes);
void release(void* data, size_t bytes) noexcept;
MemoryUse memory();
void reset_peak();
/// Gives all free blocks back to the driver.
void empty_pool();
/// Whether this thread may do so: not in a capture, whose step is then made call by call.
bool may_empty_pool();

/// Whether a call of the runtime, the driver or a library failed for want of memory on the GPU.
template <class Status>
bool lacks_memory(Status status);
template <>
inline bool lacks_memory(cudaError_t status) {
  return status == cudaErrorMemoryAllocation;
}
/// call(), and once more with an empty pool where it lacks memory: handles, code and graphs get theirs from the driver, past the pool.
template <class F>
auto with_pool_emptied(F&& call) {
  auto status = call();
  if (!lacks_memory(status) || !may_empty_pool()) return status;
  cudaGetLastError();  // it has been dealt with
  empty_pool();
  return call();
}

/// While one lives this thread may do in a capture what the driver counts among what might wait for the GPU: allocate, load code. It does
/// no harm where nothing that is being captured depends on it.
class AllowedInCapture {
 public:
  AllowedInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~AllowedInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  AllowedInCapture(const AllowedInCapture&) = delete;
  AllowedInCapture& operator=(const AllowedInCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

/// Returns when the bytes are there.
void download(void* host, const void* device, size_t bytes);
void synchronise();

/// Memory that the calls of a graph take for themselves. Blocks that one of them has released serve the next, since these run in order;
/// none goes back to the pool, where something else would find it, before the graph goes.
class Held {
 public:
  Held() = default;
  ~Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  void* take(Where at, size_t bytes);
  /// False if the block is not from here.
  bool give(const void* data) noexcept;

 private:
  struct Block {
    void* data;
    size_t bytes;
    bool used;
  };
  std::vector<Block> blocks_;
};
/// What this thread allocates from here on is held there; null: ends it.
void hold(Held* held);

/// A device buffer of n elements for the time of an op, uninitialised. It may go as soon as its last use is enqueued.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n)
      : bytes_(static_cast<size_t>(n) * sizeof(T)), data_(n > 0 ? static_cast<T*>(allocate({}, bytes_)) : nullptr) {}
  ~Scratch() { release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return data_; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace scoregrad::on_cuda
