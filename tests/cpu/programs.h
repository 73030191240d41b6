// Small arrays and programs for the tests of the block interpreter.
#pragma once
#include <random>
#include <vector>

#include "autograd/backend/program.h"
#include "cpu/kernels.h"

namespace scoregrad::testing {

/// A strided array that owns its bytes, with numbers as doubles for the tests.
struct Array {
  DType dtype;
  Shape shape;
  Strides strides;
  int64_t offset = 0;  // elements
  std::vector<double> storage;

  Array(DType t, const Shape& s) : dtype(t), shape(s), strides(contiguous_strides(s)), storage(static_cast<size_t>(numel(s)) + 1) {}
  /// A view of `length` elements with other strides.
  Array(DType t, const Shape& s, const Strides& step, int64_t start, int64_t length)
      : dtype(t), shape(s), strides(step), offset(start), storage(static_cast<size_t>(length)) {}

  char* bytes() { return reinterpret_cast<char*>(storage.data()); }
  void* data() { return bytes() + offset * static_cast<int64_t>(size_of(dtype)); }
  Access access() { return {data(), dtype, strides}; }
  void* element(int64_t flat) {
    int64_t at = offset;
    for (int d = shape.rank - 1; d >= 0; --d) {
      at += flat % shape[d] * strides[d];
      flat /= shape[d];
    }
    return bytes() + at * static_cast<int64_t>(size_of(dtype));
  }
  double get(int64_t flat) {
    void* p = element(flat);
    return dispatch(dtype, [&](auto t) { return static_cast<double>(*static_cast<decltype(t)*>(p)); });
  }
  void set(int64_t flat, double v) {
    void* p = element(flat);
    dispatch(dtype, [&](auto t) { *static_cast<decltype(t)*>(p) = static_cast<decltype(t)>(v); });
  }
  /// Numbers drawn from [lo, hi); bools by a fair coin.
  Array& draw(double lo, double hi, unsigned seed) {
    std::mt19937 source(seed);
    std::uniform_real_distribution<double> uniform(lo, hi);
    for (int64_t i = 0; i < numel(shape); ++i)
      set(i, dtype == DType::boolean ? uniform(source) > (lo + hi) / 2
             : dtype == DType::int64 ? std::round(uniform(source))
                                     : uniform(source));
    return *this;
  }
  std::vector<double> values() {
    std::vector<double> out;
    for (int64_t i = 0; i < numel(shape); ++i) out.push_back(get(i));
    return out;
  }
};

inline DType result_type(Op op, DType dtype) { return row(op).form == Form::compare ? DType::boolean : dtype; }
inline DType operand_type(Op op, int which, DType dtype) { return row(op).form == Form::select && which == 0 ? DType::boolean : dtype; }

/// out = op(operands), as a program of one instruction.
inline void run_one(Op op, DType dtype, const Shape& shape, std::vector<Access> operands, Access out) {
  const int n = static_cast<int>(operands.size());
  const uint16_t r = static_cast<uint16_t>(n);
  const Instr code{op, r, 0, 1, 2};
  on_cpu::run({}, calls::Elementwise{{dtype, n, 0, nullptr, 1, &code, 1, &r}, shape, operands.data(), &out});
}

}  // namespace scoregrad::testing
