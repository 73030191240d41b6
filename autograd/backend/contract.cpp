#include "autograd/backend/contract.h"

#include "autograd/backend/machine.h"

namespace scoregrad {

const Backend& backend(Device device, Where at) {
  if (device.kind == Device::cpu_kind) return cpu_backend();
  if (const Backend* b = cuda_backend()) return *b;
  throw Error(at, "device cuda: this library was built without CUDA (configure with SCOREGRAD_CUDA=ON)");
}

MemoryUse memory(Device device, Where at) { return backend(device, at).memory(); }
void reset_peak_memory(Device device, Where at) { backend(device, at).reset_peak(); }

}  // namespace scoregrad
