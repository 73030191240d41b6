// The parameter type of every op: a tensor or a number, with the line where the user wrote it. One overload then serves
// tensor-tensor, tensor-number and number-tensor, operators included.
#pragma once
#include <type_traits>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

class Operand {
 public:
  Operand(const Tensor& t, const char* file = __builtin_FILE(), int line = __builtin_LINE()) : at{file, line}, tensor_(&t) {}
  template <class N, class = std::enable_if_t<std::is_arithmetic_v<N>>>
  Operand(N n, const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : at{file, line}, number_{static_cast<double>(n), whole_part(n)}, whole_(static_cast<double>(number_.i) == number_.f) {}
  /// The same operand, reported at another line.
  Operand(const Operand& o, Where where) : Operand(o) { at = where; }

  Where at;
  bool is_number() const { return tensor_ == nullptr; }
  const Tensor& tensor() const { return *tensor_; }
  /// As an immediate of a program; throws Error if a fraction meets int64.
  Immediate number(DType dtype, const char* op) const;

 private:
  // A double beyond int64 has no whole part there: the cast would be undefined.
  template <class N>
  static constexpr int64_t whole_part(N n) {
    if constexpr (std::is_floating_point_v<N>)
      return n > N(-9e18) && n < N(9e18) ? static_cast<int64_t>(n) : 0;
    else
      return static_cast<int64_t>(n);
  }
  const Tensor* tensor_ = nullptr;
  Immediate number_{0, 0};
  bool whole_ = true;
};

}  // namespace scoregrad
