// What the parts of the emulated device share: its stream of work, its memory, its blocks of threads.
#pragma once
#include <functional>
#include <mutex>
#include <string>

#include <cuda_runtime.h>

namespace emulated {

/// Held by whoever enqueues or waits: the device does one thing at a time.
std::recursive_mutex& mutex();
/// Work is done when somebody waits for it, as on a real device: what a kernel or a copy reads must stay until then. A stream that captures
/// takes it down instead.
void enqueue(cudaStream_t stream, std::function<void()> work);
/// Does what was enqueued up to `ticket`, all of it without one.
void finish(int64_t ticket = INT64_MAX);
/// The ticket of what was enqueued last.
int64_t last_ticket();

/// Whether what is enqueued on the stream is captured.
bool captures(cudaStream_t stream);
/// Takes it down; what is captured may run many times.
void capture(cudaStream_t stream, std::function<void()> work);
/// For what waits for the stream's work, which a capture does not bear: success, or the error, with the capture spoiled.
cudaError_t may_wait(cudaStream_t stream);
/// For what might wait for the whole device: success, or the error where this thread captures and has not asked for leave.
cudaError_t may_touch_device();

/// Says so on stderr and makes every later call fail, as an error in a kernel does.
void break_down(cudaError_t status, const std::string& reason);
/// What broke the device, or success.
cudaError_t broken();
/// Notes the status for cudaGetLastError and returns it.
cudaError_t result(cudaError_t status);
/// An unsigned number from the environment.
unsigned long long setting(const char* variable, unsigned long long otherwise);

/// Whether [data, data + bytes) lies in one allocation of the device.
bool on_device(const void* data, size_t bytes);
/// Takes the memory that a handle, loaded code or a graph has of its own, SCOREGRAD_EMULATED_OVERHEAD bytes; false where there is none
/// left.
bool take_overhead();
void give_overhead();
/// Whether an address is one that could be the device's.
bool looks_like_device(const void* data);
/// While one lives the device's memory can be read and written; the host itself may not.
class Access {
 public:
  Access();
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
};
/// Looks at the zones around every allocation and breaks down, naming `who`, where one was overwritten.
void check_zones(const std::string& who);

struct Launch {
  const Call* call;
  const void* kernel;
  dim3 grid, block;
};
/// Runs every block; "" or what went wrong at a barrier.
std::string run(const Launch& launch);

}  // namespace emulated
