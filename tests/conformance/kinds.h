// One function a kind of case: it reads what is given and adds what the library makes of it.
#pragma once
#include "tests/conformance/report.h"

namespace conformance {

void op_gradients(const Field& test, Values& values);  // ops.cpp

}  // namespace conformance
