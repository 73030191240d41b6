// Naive walks over arrays, for tests that check element by element.
#pragma once
#include "autograd/backend/shape.h"

namespace scoregrad {

/// f(index) for each position of a shape, in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  Dims at;
  at.rank = shape.rank;
  for (int64_t n = numel(shape); n > 0; --n) {
    f(static_cast<const Dims&>(at));
    for (int d = shape.rank - 1; d >= 0 && ++at[d] == shape[d]; --d) at[d] = 0;
  }
}

}  // namespace scoregrad
