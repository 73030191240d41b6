// What the reference computes: every call of autograd/backend/calls.h, each in the file that its name suggests.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_reference {

void SG_CALLS(SG_ENTRY), SG_OPTIONAL_CALLS(SG_ENTRY);

}  // namespace scoregrad::on_reference
