#include "cpu/block_loops.h"

#include <cstring>

#include "autograd/backend/scalar.h"

namespace scoregrad {
namespace scalar {

// Integers wrap around as they do in NumPy; the arithmetic itself is unsigned, where C++ defines it.
struct Wrapping {
  int64_t v;
  Wrapping() = default;
  explicit constexpr Wrapping(int64_t x) : v(x) {}
  friend Wrapping operator+(Wrapping a, Wrapping b) { return of(u(a) + u(b)); }
  friend Wrapping operator-(Wrapping a, Wrapping b) { return of(u(a) - u(b)); }
  friend Wrapping operator*(Wrapping a, Wrapping b) { return of(u(a) * u(b)); }
  friend Wrapping operator-(Wrapping a) { return of(0 - u(a)); }
  friend bool operator<(Wrapping a, Wrapping b) { return a.v < b.v; }
  friend bool operator<=(Wrapping a, Wrapping b) { return a.v <= b.v; }
  friend bool operator>(Wrapping a, Wrapping b) { return a.v > b.v; }
  friend bool operator>=(Wrapping a, Wrapping b) { return a.v >= b.v; }
  friend bool operator==(Wrapping a, Wrapping b) { return a.v == b.v; }
  friend bool operator!=(Wrapping a, Wrapping b) { return a.v != b.v; }

 private:
  static uint64_t u(Wrapping a) { return static_cast<uint64_t>(a.v); }
  static Wrapping of(uint64_t x) { return Wrapping(static_cast<int64_t>(x)); }
};
inline Wrapping abs(Wrapping a) { return a.v < 0 ? -a : a; }
/// The sign of b; 0 where b is 0.
inline Wrapping mod(Wrapping a, Wrapping b) {
  if (b.v == 0 || b.v == -1) return Wrapping(0);
  const int64_t r = a.v % b.v;
  return Wrapping(r != 0 && (r < 0) != (b.v < 0) ? r + b.v : r);
}

#define SG_UNARY(name, value, ...) \
  struct name##_row {              \
    template <class T>             \
    static T of(T x) {             \
      return value;                \
    }                              \
  };
#define SG_BINARY(name, value, ...) \
  struct name##_row {               \
    template <class T>              \
    static T of(T a, T b) {         \
      return value;                 \
    }                               \
  };
#define SG_COMPARE(name, value, ...) \
  struct name##_row {                \
    template <class T>               \
    static bool of(T a, T b) {       \
      return value;                  \
    }                                \
  };
#define SG_SELECT(name, value, ...) \
  struct name##_row {               \
    template <class T>              \
    static T of(bool m, T a, T b) { \
      return value;                 \
    }                               \
  };
#include "autograd/backend/elementwise.def"
#undef SG_UNARY
#undef SG_BINARY
#undef SG_COMPARE
#undef SG_SELECT

template <class Row, class T>
void unary_loop(void* out, const void* a, const void*, const void*, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = Row::of(static_cast<const T*>(a)[i]);
}
template <class Row, class T>
void binary_loop(void* out, const void* a, const void* b, const void*, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(out)[i] = Row::of(static_cast<const T*>(a)[i], static_cast<const T*>(b)[i]);
}
template <class Row, class T>
void compare_loop(void* out, const void* a, const void* b, const void*, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<bool*>(out)[i] = Row::of(static_cast<const T*>(a)[i], static_cast<const T*>(b)[i]);
}
template <class Row, class T>
void select_loop(void* out, const void* m, const void* a, const void* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    static_cast<T*>(out)[i] = Row::of(static_cast<const bool*>(m)[i], static_cast<const T*>(a)[i], static_cast<const T*>(b)[i]);
}

template <class Row, class T, DType dtype, Types types, Form form>
constexpr on_cpu::BlockLoop loop_of() {
  if constexpr (!accepts(types, dtype))
    return nullptr;
  else if constexpr (form == Form::unary)
    return unary_loop<Row, T>;
  else if constexpr (form == Form::binary)
    return binary_loop<Row, T>;
  else if constexpr (form == Form::compare)
    return compare_loop<Row, T>;
  else
    return select_loop<Row, T>;
}

template <class T, DType dtype>
const on_cpu::BlockLoop* loops_of() {
  static constexpr on_cpu::BlockLoop table[op_count] = {
#define SG_UNARY(name, value, partial, types, lo, hi) loop_of<name##_row, T, dtype, Types::types, Form::unary>(),
#define SG_BINARY(name, value, da, db, types, lo, hi) loop_of<name##_row, T, dtype, Types::types, Form::binary>(),
#define SG_COMPARE(name, value, types, lo, hi) loop_of<name##_row, T, dtype, Types::types, Form::compare>(),
#define SG_SELECT(name, value, types, lo, hi) loop_of<name##_row, T, dtype, Types::types, Form::select>(),
#include "autograd/backend/elementwise.def"
#undef SG_UNARY
#undef SG_BINARY
#undef SG_COMPARE
#undef SG_SELECT
  };
  return table;
}

}  // namespace scalar

namespace on_cpu {

const BlockLoop* block_loops(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return scalar::loops_of<float, DType::float32>();
    case DType::float64:
      return scalar::loops_of<double, DType::float64>();
    case DType::int64:
      return scalar::loops_of<scalar::Wrapping, DType::int64>();
    default:
      return scalar::loops_of<bool, DType::boolean>();
  }
}

void stream(void* out, const void* in, int64_t bytes) { std::memcpy(out, in, static_cast<size_t>(bytes)); }
void stream_fence() {}

}  // namespace on_cpu
}  // namespace scoregrad
