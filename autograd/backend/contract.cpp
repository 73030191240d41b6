#include "autograd/backend/contract.h"

namespace scoregrad {

const Backend& backend(Device device, Where at) {
  if (device.kind == Device::cpu_kind) return cpu_backend();
  if (const Backend* b = cuda_backend()) return *b;
  throw Error(at, "device cuda: this library was built without CUDA (configure with SCOREGRAD_CUDA=ON)");
}

}  // namespace scoregrad
