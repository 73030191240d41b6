// What a program may ask of the machine it runs on, and set: devices, memory, threads, precision.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad {

/// True if tensors can live there; else `missing` receives what this build or machine lacks.
bool available(Device device, std::string* missing = nullptr);

/// The names of all devices that the library knows, as a program's options want them.
std::vector<std::string> device_names();
/// The device of that name; throws Error that lists the names there are.
Device device_named(const std::string& name, Where at = Where::here());

/// Chooses where the whole program's new tensors live from now on unless their options say otherwise; throws Error where that device is
/// missing. Existing tensors stay where they are.
void set_default_device(Device device, Where at = Where::here());

/// Bytes that tensors and running kernels hold on a device: `live` now, `peak` at most since reset_peak_memory(), and `pooled`, which are
/// free and kept for reuse. Throws Error for a device that is not there.
MemoryUse memory(Device device = default_device(), Where at = Where::here());
/// Lets the next peak be counted from what is live now.
void reset_peak_memory(Device device = default_device(), Where at = Where::here());

/// How many threads the CPU's kernels use when this thread calls them; 1 without OpenMP. Results do not depend on it.
int threads();
/// Sets that number for what this thread calls from now on (OMP_NUM_THREADS sets it for the program); without OpenMP it stays 1. Throws
/// Error unless count is positive.
void set_threads(int count, Where at = Where::here());

/// How CUDA multiplies float32 matrices: as they are, or with the factors rounded to TF32's 10 or bfloat16's 7 fraction bits, products
/// still summed in float32. The CPU always multiplies them as they are, and float64 is never rounded.
enum class MatmulPrecision : uint8_t { full, tf32, bf16 };
void set_matmul_precision(MatmulPrecision precision);
MatmulPrecision matmul_precision();

}  // namespace scoregrad
