#include "autograd/tensor/operand.h"

#include <fmt/format.h>

namespace scoregrad {

Immediate Operand::number(DType dtype, const char* op) const {
  if (!whole_ && !is_floating(dtype)) throw Error(at, fmt::format("{}: the number {} meets a tensor of {}", op, number_.f, name_of(dtype)));
  return number_;
}

}  // namespace scoregrad
