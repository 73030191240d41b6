// Where a tensor's bytes live.
#pragma once
#include <cstdint>

namespace scoregrad {

struct Device {
  enum Kind : uint8_t { cpu_kind, cuda_kind };
  Kind kind = cpu_kind;
  uint8_t index = 0;
  friend constexpr bool operator==(Device a, Device b) { return a.kind == b.kind && a.index == b.index; }
  friend constexpr bool operator!=(Device a, Device b) { return !(a == b); }
};

constexpr Device cpu{Device::cpu_kind, 0};
constexpr Device cuda{Device::cuda_kind, 0};
constexpr const char* name_of(Device d) { return d.kind == Device::cpu_kind ? "cpu" : "cuda"; }

/// Where new tensors live unless their options say otherwise: the CPU, or what SCOREGRAD_DEVICE names (cpu, cuda), or what
/// set_default_device() chose.
Device default_device();

}  // namespace scoregrad
