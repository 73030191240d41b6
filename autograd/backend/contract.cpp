#include "autograd/backend/contract.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "autograd/backend/machine.h"

namespace scoregrad {
namespace {

std::atomic<MatmulPrecision> precision{MatmulPrecision::full};
constinit std::atomic<int> chosen_kind{-1};  // of Device; -1: nobody has asked yet

int kind_from_environment() {
  const char* name = std::getenv("SCOREGRAD_DEVICE");
  for (const Device d : {cpu, cuda})
    if (name && std::strcmp(name, name_of(d)) == 0) return d.kind;
  if (name && *name) throw Error({}, std::string("SCOREGRAD_DEVICE=") + name + ": there are cpu and cuda");
  return Device::cpu_kind;
}

}  // namespace

const Backend& backend(Device device, Where at) {
  if (device.kind == Device::cpu_kind) return cpu_backend();
  if (device.index != 0)
    throw Error(at, "device cuda:" + std::to_string(device.index) + ": a program uses one GPU; CUDA_VISIBLE_DEVICES chooses which");
  return cuda_backend(at);
}

bool available(Device device, std::string* missing) {
  try {
    backend(device, {});
    return true;
  } catch (const Error& error) {
    if (missing) *missing = error.what();
    return false;
  }
}

Device default_device() {
  int kind = chosen_kind.load(std::memory_order_relaxed);
  if (kind < 0) chosen_kind.store(kind = kind_from_environment(), std::memory_order_relaxed);
  return {static_cast<Device::Kind>(kind), 0};
}

void set_default_device(Device device, Where at) {
  backend(device, at);
  chosen_kind.store(device.kind, std::memory_order_relaxed);
}

MemoryUse memory(Device device, Where at) { return backend(device, at).memory(); }
void reset_peak_memory(Device device, Where at) { backend(device, at).reset_peak(); }

void set_matmul_precision(MatmulPrecision p) { precision.store(p, std::memory_order_relaxed); }
MatmulPrecision matmul_precision() { return precision.load(std::memory_order_relaxed); }

}  // namespace scoregrad
