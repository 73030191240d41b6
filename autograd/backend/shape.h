// Extents and strides in place (rank <= 8), trivially copyable, so that a shape costs no allocation and reaches a GPU kernel by value.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "autograd/backend/where.h"

namespace scoregrad {

constexpr int max_rank = 8;

/// A list of at most 8 integers: extents, strides or axes.
struct Dims {
  int64_t at[max_rank] = {};
  int rank = 0;

  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(values.begin(), static_cast<int>(values.size())) {}
  Dims(const std::vector<int64_t>& values) : Dims(values.data(), static_cast<int>(values.size())) {}
  Dims(const int64_t* values, int count);

  int64_t& operator[](int i) { return at[i]; }
  int64_t operator[](int i) const { return at[i]; }
  /// Counted from the end: back(0) is the last.
  int64_t back(int i) const { return at[rank - 1 - i]; }
  void push_back(int64_t v);
  const int64_t* begin() const { return at; }
  const int64_t* end() const { return at + rank; }
  int64_t* begin() { return at; }
  int64_t* end() { return at + rank; }
  friend bool operator==(const Dims& a, const Dims& b) {
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; ++i)
      if (a.at[i] != b.at[i]) return false;
    return true;
  }
  friend bool operator!=(const Dims& a, const Dims& b) { return !(a == b); }
};
using Shape = Dims;
using Strides = Dims;
using Axes = Dims;

/// Number of elements; extents were checked against overflow when the shape entered the library.
inline int64_t numel(const Shape& s) {
  int64_t n = 1;
  for (int i = 0; i < s.rank; ++i) n *= s.at[i];
  return n;
}
/// Row-major strides, in elements.
inline Strides contiguous_strides(const Shape& s) {
  Strides t;
  t.rank = s.rank;
  int64_t step = 1;
  for (int i = s.rank - 1; i >= 0; --i) {
    t.at[i] = step;
    step *= s.at[i];
  }
  return t;
}
/// True if `t` are row-major strides of `s`; extents of one may carry any stride, an empty shape is contiguous.
inline bool is_contiguous(const Shape& s, const Strides& t) {
  int64_t step = 1;
  for (int i = s.rank - 1; i >= 0; --i) {
    if (s.at[i] == 0) return true;
    if (s.at[i] != 1 && t.at[i] != step) return false;
    step *= s.at[i];
  }
  return true;
}

/// "[2, 3]"
std::string to_string(const Dims& d);
/// Throws Error if an extent is negative or the number of bytes (at 8 per element) overflows int64.
void check_shape(Where at, const char* op, const Shape& s);
/// NumPy's broadcasting rule; throws Error naming op and both shapes.
Shape broadcast_shapes(Where at, const char* op, const Shape& a, const Shape& b);
/// Negative axes counted from the end; throws Error if out of range.
int normal_axis(Where at, const char* op, int64_t axis, int rank);
/// Sorted, made non-negative, duplicates refused; an empty list means all axes.
Axes normal_axes(Where at, const char* op, const Axes& axes, int rank);

}  // namespace scoregrad
