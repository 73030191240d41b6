#include "autograd/backend/contract.h"

#include <atomic>

#include "autograd/backend/machine.h"

namespace scoregrad {
namespace {

std::atomic<MatmulPrecision> precision{MatmulPrecision::full};

}  // namespace

const Backend& backend(Device device, Where at) {
  if (device.kind == Device::cpu_kind) return cpu_backend();
  if (device.index != 0)
    throw Error(at, "device cuda:" + std::to_string(device.index) + ": a program uses one GPU; CUDA_VISIBLE_DEVICES chooses which");
  return cuda_backend(at);
}

bool available(Device device, std::string* missing) {
  try {
    backend(device);
    return true;
  } catch (const Error& error) {
    if (missing) *missing = error.what();
    return false;
  }
}

MemoryUse memory(Device device, Where at) { return backend(device, at).memory(); }
void reset_peak_memory(Device device, Where at) { backend(device, at).reset_peak(); }

void set_matmul_precision(MatmulPrecision p) { precision.store(p, std::memory_order_relaxed); }
MatmulPrecision matmul_precision() { return precision.load(std::memory_order_relaxed); }

}  // namespace scoregrad
