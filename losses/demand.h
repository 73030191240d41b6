// What per-sample losses demand of the shapes that they are given. They never broadcast: [3, 1] beside [3] would make nine numbers of
// three, or three wrong ones.
#pragma once
#include <initializer_list>

#include "autograd/ops/number.h"

namespace scoregrad::losses {

struct NamedTensor {
  const char* name;
  const Tensor& x;
};
/// Throws Error unless all have the shape [.., d], the element type and the device of the last, which the message takes to be right.
void demand_alike(const char* op, std::initializer_list<NamedTensor> all, Where at);
/// Throws Error unless the level is one number, a 0-d tensor or has one value for each row of x [.., d], and where it is a number that is
/// not positive: it would give infinities, or a loss with the wrong sign. A tensor's values are not read: a compiled step may not.
void demand_level(const char* op, const char* name, const Number& level, const Tensor& x, Where at);
/// Throws Error unless x has this shape.
void demand_shape(const char* op, const NamedTensor& x, const Shape& wanted, Where at);

}  // namespace scoregrad::losses
