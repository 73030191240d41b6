// Opens the device, keeps its stream, and turns the runtime library's codes into errors that name op, shapes and line.
#include "cuda/runtime.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "autograd/backend/caller.h"
#include "cuda/context.h"

namespace scoregrad::on_cuda {

namespace {

constexpr int device_index = 0;  // CUDA_VISIBLE_DEVICES chooses which GPU this is

DeviceFacts facts;
cudaStream_t the_stream;
bool wait_for_launches;

/// What the entry at work was given.
struct Work {
  const char* op;
  const View* views[4];
  int count;
  const Shape* shape;
};
thread_local Work work{};
thread_local Where last_line;
thread_local cudaStream_t capturing;

bool switched_on(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value && std::strcmp(value, "0") != 0;
}

std::string version(int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); }

/// "matmul [2, 3] [3, 4] -> [2, 4]: " of the entry at work, or the op alone.
std::string place(const char* op) {
  std::string text = work.op ? work.op : op;
  if (work.shape) text += " " + to_string(*work.shape);
  for (int i = 1; i < work.count; ++i) text += " " + to_string(work.views[i]->shape);
  if (work.count > 0) text += (work.count > 1 ? " -> " : " ") + to_string(work.views[0]->shape);
  if (work.op && std::strcmp(work.op, op) != 0) text += fmt::format(" ({})", op);
  return text;
}

/// Why no device can be used, in words that say what to do.
std::string without_device(cudaError_t status) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (driver == 0) return fmt::format("no NVIDIA driver on this machine (CUDA says: {})", cudaGetErrorString(status));
  if (status == cudaErrorInsufficientDriver)
    return fmt::format("the driver serves CUDA {} and this library was built with {}: update the driver, or build with an older toolkit",
                       version(driver), version(CUDART_VERSION));
  if (status == cudaErrorNoDevice || status == cudaSuccess)
    return "the driver finds no GPU (is it hidden by CUDA_VISIBLE_DEVICES or not passed into this container?)";
  return fmt::format("no GPU can be used, CUDA says: {} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
}

}  // namespace

bool open_device(std::string* missing) {
  int count = 0;
  const cudaError_t found = cudaGetDeviceCount(&count);
  cudaError_t status = found;
  if (found == cudaSuccess && count > 0) {
    cudaDeviceProp p;
    status = cudaSetDevice(device_index);
    if (status == cudaSuccess) status = cudaGetDeviceProperties(&p, device_index);
    if (status == cudaSuccess) status = cudaStreamCreateWithFlags(&the_stream, cudaStreamNonBlocking);
    if (status == cudaSuccess) {
      std::snprintf(facts.name, sizeof facts.name, "%s", p.name);
      facts.capability = p.major * 10 + p.minor;
      facts.processors = p.multiProcessorCount;
      facts.shared_memory = p.sharedMemPerBlock;
      facts.memory = p.totalGlobalMem;
      cudaDriverGetVersion(&facts.driver);
      facts.toolkit = CUDART_VERSION;
      wait_for_launches = switched_on("SCOREGRAD_CUDA_SYNC");
      if (switched_on("SCOREGRAD_LOG"))
        fmt::print(stderr,
                   "scoregrad: cuda: {}, compute capability {}.{}, {} multiprocessors, {:.1f} GiB; driver for CUDA {}, built with {}{}\n",
                   facts.name, p.major, p.minor, facts.processors, static_cast<double>(facts.memory) / (1 << 30), version(facts.driver),
                   version(facts.toolkit), wait_for_launches ? "; every launch is waited for" : "");
      return true;
    }
  }
  *missing = without_device(status);
  return false;
}

const DeviceFacts& device() { return facts; }

cudaStream_t stream() {
  thread_local bool current = false;
  if (!current) {
    check({}, "cudaSetDevice", cudaSetDevice(device_index));
    current = true;
  }
  return capturing ? capturing : the_stream;
}

cudaStream_t common_stream() { return the_stream; }

void enqueue_on(cudaStream_t s) { capturing = s; }

bool switched_off(const char* variable) {
  const char* value = std::getenv(variable);
  return value && std::strcmp(value, "0") == 0;
}

bool synchronous() { return wait_for_launches; }

void note_line(Where at) {
  if (at) last_line = at;
}

void fail(Where at, const char* op, const std::string& reason) {
  throw Error(at ? at : last_line, fmt::format("{}: {}", place(op), reason));
}

void fail(Where at, const char* op, cudaError_t status) {
  cudaGetLastError();  // an error that does not stick must not be reported again by the next call
  std::string reason = fmt::format("CUDA says: {} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion)
    reason += fmt::format("; this build holds no code for compute capability {}.{}: configure with -DCMAKE_CUDA_ARCHITECTURES={}",
                          facts.capability / 10, facts.capability % 10, facts.capability);
  else if (!wait_for_launches && (status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure || status == cudaErrorAssert ||
                                  status == cudaErrorMisalignedAddress || status == cudaErrorIllegalInstruction))
    reason += "; the kernel may have been started by an earlier op: with SCOREGRAD_CUDA_SYNC=1 the error names it";
  fail(at, op, reason);
}

void after_launch(const char* op, cudaError_t status) {
  check({}, op, status);
  if (wait_for_launches) check({}, op, cudaStreamSynchronize(common_stream()));
}

Running::Running(const char* op, const View* const* views, int count) : outermost_(work.op == nullptr) {
  if (!outermost_) return;
  work.op = op;
  work.count = count < 4 ? count : 4;
  for (int i = 0; i < work.count; ++i) work.views[i] = views[i];
}
Running::Running(const char* op, const Shape& shape) : outermost_(work.op == nullptr) {
  if (!outermost_) return;
  work.op = op;
  work.shape = &shape;
}
Running::~Running() {
  if (outermost_) work = {};
}

}  // namespace scoregrad::on_cuda
