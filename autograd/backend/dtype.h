// Element types. No promotion: mixing them is an error, a C++ number takes the tensor's type.
#pragma once
#include <cstddef>
#include <cstdint>

namespace scoregrad {

enum class DType : uint8_t { float32, float64, int64, boolean };

constexpr DType float32 = DType::float32, float64 = DType::float64, int64 = DType::int64, boolean = DType::boolean;

constexpr size_t size_of(DType t) { return t == DType::float32 ? 4 : t == DType::boolean ? 1 : 8; }
constexpr const char* name_of(DType t) {
  return t == DType::float32 ? "float32" : t == DType::float64 ? "float64" : t == DType::int64 ? "int64" : "bool";
}
constexpr bool is_floating(DType t) { return t == DType::float32 || t == DType::float64; }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

/// Calls f(T{}) with the C++ type behind `t`.
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
  switch (t) {
    case DType::float32:
      return f(float{});
    case DType::float64:
      return f(double{});
    case DType::int64:
      return f(int64_t{});
    default:
      return f(bool{});
  }
}
/// Calls f(float{}) or f(double{}); `t` must be floating.
template <class F>
decltype(auto) dispatch_floating(DType t, F&& f) {
  return t == DType::float32 ? f(float{}) : f(double{});
}

}  // namespace scoregrad
