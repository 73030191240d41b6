// Code made at run time: loaded and started by functions of the driver, which the runtime library hands out, so that this library needs no
// libcuda to be linked or present.
#pragma once
#include <cuda.h>

#include "cuda/runtime.h"

namespace scoregrad::on_cuda {

/// The function `name` of a cubin or of null-terminated PTX; it stays loaded until the program ends.
CUfunction load_function(Where at, const char* op, const void* image, const char* name);
/// Starts it on the stream; args point to the values of its parameters, in order.
void launch(const char* op, CUfunction function, dim3 grid, dim3 block, size_t shared, void** args);

}  // namespace scoregrad::on_cuda
