// How the reference reaches an element: by its position, through the sum that defines strides. Everything here is loops over positions.
#pragma once
#include <algorithm>

#include "autograd/backend/contract.h"

namespace scoregrad::on_reference {

/// f(i) for every position i of a shape, in row-major order.
template <class F>
void for_each(const Shape& shape, F&& f) {
  Dims i = shape;
  std::fill(i.begin(), i.end(), 0);
  for (int64_t n = numel(shape); n > 0; --n) {
    f(static_cast<const Dims&>(i));
    for (int d = shape.rank - 1; d >= 0 && ++i[d] == shape[d]; --d) i[d] = 0;
  }
}

/// The element at a position.
template <class T>
T& element(void* data, const Strides& strides, const Dims& i) {
  int64_t offset = 0;
  for (int d = 0; d < i.rank; ++d) offset += i[d] * strides[d];
  return static_cast<T*>(data)[offset];
}
template <class T>
T& element(const View& v, const Dims& i) {
  return element<T>(v.data, v.strides, i);
}

/// Position i with another coordinate along one axis.
inline Dims at_axis(Dims i, int axis, int64_t k) {
  i[axis] = k;
  return i;
}

/// f(i, n) for every line of n elements along an axis, i being the position of its first.
template <class F>
void for_each_line(const Shape& shape, int axis, F&& f) {
  if (shape[axis] > 0) for_each(at_axis(shape, axis, 1), [&](const Dims& i) { f(i, shape[axis]); });
}

/// dispatch() for calls that add: bools are refused.
template <class F>
void dispatch_numbers(Where at, const char* op, DType t, F&& f) {
  if (t == DType::boolean) throw Error(at, std::string(op) + ": bool elements; cast them first");
  dispatch(t, [&]<class T>(T zero) {
    if constexpr (!std::is_same_v<T, bool>) f(zero);
  });
}

}  // namespace scoregrad::on_reference
