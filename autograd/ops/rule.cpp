#include "autograd/ops/rule.h"

#include <fmt/format.h>

namespace scoregrad {

const char* name_of(Primitive p) {
  static constexpr const char* names[] = {
#define SG_PRIMITIVE(name) #name,
#include "autograd/ops/primitives.def"
  };
  return names[static_cast<size_t>(p)];
}

const Tensor& tensor_of(const Operand& x, const char* op) {
  if (x.is_number()) throw Error(x.at, fmt::format("{}: a number was given where a tensor is needed", op));
  return defined(x.tensor(), op, x.at);
}

const Tensor& defined(const Tensor& x, const char* op, Where at) {
  if (!x.defined())
    throw Error(at, fmt::format("{}: an operand is undefined, a tensor that was default-constructed and never assigned", op));
  return x;
}

void check_rank(int rank, const char* op, Where at) {
  if (rank > max_rank) throw Error(at, fmt::format("{}: the result would have {} axes, more than {}", op, rank, max_rank));
}

}  // namespace scoregrad
