// The device as this backend sees it: one GPU, one stream on which everything runs in order, and the check that every call goes through.
// C++17, so that .cu files may include it.
#pragma once
#include <cuda_runtime.h>

#include <string>

#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

/// What is known of the GPU.
struct DeviceFacts {
  char name[256];
  int capability;        ///< compute capability, major * 10 + minor: 90 for Hopper
  int processors;        ///< number of streaming multiprocessors
  size_t shared_memory;  ///< most bytes of shared memory that one block may ask for without opting in
  size_t memory;         ///< bytes of global memory
  int driver, toolkit;   ///< versions, 1000 * major + 10 * minor: the newest toolkit that the driver serves, the one this was built with
};
const DeviceFacts& device();

/// The one stream, or, on a thread that takes calls down (cuda/graph.h), the stream that captures them. What is enqueued here runs after
/// all that was enqueued before, so memory may be reused as soon as its last use is enqueued. Makes the device current on the calling
/// thread.
cudaStream_t stream();

/// Throws Error that says which op failed, for what reason, on which shapes and for which line (`at`, or the line on whose behalf this
/// thread works).
[[noreturn]] void fail(Where at, const char* op, const std::string& reason);
[[noreturn]] void fail(Where at, const char* op, cudaError_t status);
inline void check(Where at, const char* op, cudaError_t status) {
  if (status != cudaSuccess) fail(at, op, status);
}

/// Notes for fail() what an entry of the contract works on. One at a time on a thread; the inner ones of nested entries stay silent.
class Running {
 public:
  Running(const char* op, const View* const* views, int count);
  Running(const char* op, const Shape& shape);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  bool outermost_;
};

/// True where SCOREGRAD_CUDA_SYNC is set to something other than 0: every launch is then waited for, and an error names the kernel that
/// caused it instead of a later call.
bool synchronous();
/// What every launch ends with: checks the launch and, where synchronous(), its run.
void after_launch(const char* op, cudaError_t status);

}  // namespace scoregrad::on_cuda
