#include "autograd/backend/contract.h"

#include <atomic>
#include <cstdlib>

#include "autograd/backend/machine.h"

namespace scoregrad {
namespace {

std::atomic<MatmulPrecision> precision{MatmulPrecision::full};

constexpr const Backend& (*open[])(Where) = {
#define SG_BACKEND(name, part) name##_backend,
#include "autograd/backend/devices.def"
};
constinit std::atomic<const Backend*> opened[device_count] = {};

constexpr int unasked = -1;
constinit std::atomic<int> chosen{unasked};  // the default device

Device from_environment() {
  const char* name = std::getenv("SCOREGRAD_DEVICE");
  return name && *name ? device_named(name, {}) : devices[0];
}

}  // namespace

const Backend& backend(Device device, Where at) {
  const auto d = static_cast<size_t>(device);
  if (const Backend* b = opened[d].load(std::memory_order_acquire)) return *b;
  const Backend& b = open[d](at);
  opened[d].store(&b, std::memory_order_release);
  return b;
}

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const Device d : devices) names.emplace_back(name_of(d));
  return names;
}

Device device_named(const std::string& name, Where at) {
  std::string known;
  for (const Device d : devices) {
    if (name == name_of(d)) return d;
    known += (known.empty() ? "" : ", ") + std::string(name_of(d));
  }
  throw Error(at, "no device is called '" + name + "'; there are " + known);
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
  int device = chosen.load(std::memory_order_relaxed);
  if (device == unasked) chosen.store(device = static_cast<int>(from_environment()), std::memory_order_relaxed);
  return static_cast<Device>(device);
}

void set_default_device(Device device, Where at) {
  backend(device, at);
  chosen.store(static_cast<int>(device), std::memory_order_relaxed);
}

MemoryUse memory(Device device, Where at) { return backend(device, at).memory(); }
void reset_peak_memory(Device device, Where at) { backend(device, at).reset_peak(); }

void set_matmul_precision(MatmulPrecision p) { precision.store(p, std::memory_order_relaxed); }
MatmulPrecision matmul_precision() { return precision.load(std::memory_order_relaxed); }

}  // namespace scoregrad
