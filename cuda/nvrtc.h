// Generated text to machine code by NVRTC, NVIDIA's compiler as a library. Needs no device.
#pragma once
#include <string>

#include "autograd/backend/where.h"

namespace scoregrad::on_cuda {

/// Whether NVRTC can make machine code for GPUs of a compute capability (90 for Hopper).
bool knows_architecture(int capability);

/// A cubin of `text` for that capability or, for GPUs newer than this toolkit, null-terminated PTX that the driver translates. From the
/// cache on disk where it is there. Throws Error with what NVRTC says.
std::string compile(Where at, const char* op, const std::string& text, int capability);

}  // namespace scoregrad::on_cuda
