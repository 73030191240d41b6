#include "autograd/ops/rule.h"

#include <fmt/format.h>

namespace scoregrad {

const char* name_of(Primitive p) {
  static constexpr const char* names[] = {
#define SG_PRIMITIVE(name) #name,
#include "autograd/ops/primitives.def"
#undef SG_PRIMITIVE
  };
  return names[static_cast<size_t>(p)];
}

const Tensor& tensor_of(const Operand& x, const char* op) {
  if (x.is_number()) throw Error(x.at, fmt::format("{}: a number was given where a tensor is needed", op));
  return x.tensor();
}

}  // namespace scoregrad
