// The calls that the GPU makes (autograd/backend/calls.h says what each computes); each is defined in the file of its name. C++17, so
// that .cu files may include it.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

void SG_CALLS(SG_ENTRY);
void SG_OPTIONAL_CALLS(SG_ENTRY);

}  // namespace scoregrad::on_cuda
