#include "autograd/backend/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "autograd/backend/error.h"

namespace scoregrad {

Dims::Dims(const int64_t* values, int count) : rank(count) {
  if (count > max_rank) throw Error({}, fmt::format("rank {} exceeds the limit of {}", count, max_rank));
  std::copy(values, values + count, at);
}

void Dims::push_back(int64_t v) {
  if (rank == max_rank) throw Error({}, fmt::format("rank {} exceeds the limit of {}", rank + 1, max_rank));
  at[rank++] = v;
}

std::string to_string(const Dims& d) { return fmt::format("[{}]", fmt::join(d.begin(), d.end(), ", ")); }

void check_shape(Where at, const char* op, const Shape& s) {
  int64_t steps = 1, bytes;  // an empty shape has strides too
  bool none = false, overflows = false;
  for (int64_t e : s) {
    if (e < 0) throw Error(at, fmt::format("{}: negative extent in shape {}", op, to_string(s)));
    none = none || e == 0;
    overflows = overflows || (e != 0 && __builtin_mul_overflow(steps, e, &steps));
  }
  if (overflows || (!none && __builtin_mul_overflow(steps, 8, &bytes)))
    throw Error(at, fmt::format("{}: shape {} overflows", op, to_string(s)));
}

Shape broadcast_shapes(Where at, const char* op, const Shape& a, const Shape& b) {
  Shape out;
  out.rank = std::max(a.rank, b.rank);
  for (int i = 0; i < out.rank; ++i) {
    const int64_t m = i < a.rank ? a.back(i) : 1, n = i < b.rank ? b.back(i) : 1;
    if (m != n && m != 1 && n != 1) throw Error(at, fmt::format("{}: shapes {} and {} do not broadcast", op, to_string(a), to_string(b)));
    out.at[out.rank - 1 - i] = m == 1 ? n : m;
  }
  return out;
}

int normal_axis(Where at, const char* op, int64_t axis, int rank) {
  const int64_t i = axis < 0 ? axis + rank : axis;
  if (i < 0 || i >= rank) throw Error(at, fmt::format("{}: axis {} is out of range for rank {}", op, axis, rank));
  return static_cast<int>(i);
}

Axes normal_axes(Where at, const char* op, const Axes& axes, int rank) {
  Axes out;
  if (axes.rank == 0) {
    for (int i = 0; i < rank; ++i) out.push_back(i);
    return out;
  }
  for (int64_t a : axes) out.push_back(normal_axis(at, op, a, rank));
  std::sort(out.begin(), out.end());
  if (std::adjacent_find(out.begin(), out.end()) != out.end())
    throw Error(at, fmt::format("{}: axis named twice in {}", op, to_string(axes)));
  return out;
}

}  // namespace scoregrad
