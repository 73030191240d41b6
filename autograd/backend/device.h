// Where a tensor's bytes live and who computes with them: one of the backends that devices.def lists.
#pragma once
#include <cstdint>

namespace scoregrad {

enum class Device : uint8_t {
#define SG_BACKEND(name, part) name,
#include "autograd/backend/devices.def"
};
constexpr Device cpu = Device::cpu, cuda = Device::cuda;

/// All of them, those that this build or machine lacks included.
constexpr Device devices[] = {
#define SG_BACKEND(name, part) Device::name,
#include "autograd/backend/devices.def"
};
constexpr int device_count = sizeof devices / sizeof devices[0];

constexpr const char* name_of(Device d) {
  constexpr const char* names[] = {
#define SG_BACKEND(name, part) #name,
#include "autograd/backend/devices.def"
  };
  return names[static_cast<int>(d)];
}

/// Where new tensors live unless their options say otherwise: the first of the list, or what SCOREGRAD_DEVICE names, or what
/// set_default_device() chose.
Device default_device();

}  // namespace scoregrad
