// The calls that the CPU makes (autograd/backend/calls.h says what each computes); each is defined in the file of its name.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

void SG_CALLS(SG_ENTRY);
void SG_OPTIONAL_CALLS(SG_ENTRY);

}  // namespace scoregrad::on_cpu
