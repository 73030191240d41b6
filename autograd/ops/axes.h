// What becomes of a shape whose axes are reduced. `axes` are normal_axes: sorted, non-negative.
#pragma once
#include "autograd/backend/shape.h"

namespace scoregrad {

/// The shape with the named axes of extent one.
inline Shape kept_shape(Shape s, const Axes& axes) {
  for (int64_t axis : axes) s[static_cast<int>(axis)] = 1;
  return s;
}
/// The shape without the named axes.
inline Shape dropped_shape(const Shape& s, const Axes& axes) {
  Shape out;
  for (int i = 0, next = 0; i < s.rank; ++i)
    if (next < axes.rank && axes[next] == i)
      ++next;
    else
      out.push_back(s[i]);
  return out;
}

}  // namespace scoregrad
