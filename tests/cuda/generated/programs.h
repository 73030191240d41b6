// Elementwise programs whose kernels are generated here: they own what a Program points to.
#pragma once
#include <initializer_list>
#include <string>
#include <vector>

#include "cuda/source.h"

namespace scoregrad::generated {

struct Recipe {
  DType dtype;
  std::vector<DType> inputs;
  std::vector<Immediate> immediates;
  std::vector<Instr> code;
  std::vector<uint16_t> results;

  Program program() const {
    return {dtype,
            static_cast<int>(inputs.size()),
            immediates.data() ? static_cast<int>(immediates.size()) : 0,
            immediates.data(),
            static_cast<int>(code.size()),
            code.data(),
            static_cast<int>(results.size()),
            results.data()};
  }
  std::vector<Access> accesses() const {
    std::vector<Access> a;
    for (const DType t : inputs) a.push_back({nullptr, t, {}});
    return a;
  }
};

/// One row of the table, on operands of `dtype`.
inline Recipe row_recipe(Op op, DType dtype) {
  const int n = arity(row(op).form);
  Recipe r{dtype, std::vector<DType>(static_cast<size_t>(n), dtype), {}, {}, {static_cast<uint16_t>(n)}};
  if (row(op).form == Form::select) r.inputs[0] = boolean;
  r.code.push_back({op, static_cast<uint16_t>(n), 0, 1, 2});
  return r;
}

/// No instruction: the operand itself.
inline Recipe view_recipe(DType dtype) { return {dtype, {dtype}, {}, {}, {0}}; }

/// where(a < r, b, r) for r = tanh(-(a b + c)) 2: all forms of instruction, a constant and three results.
inline Recipe long_recipe(DType dtype) {
  return {dtype,
          {dtype, dtype, dtype},
          {{2.0, 2}},
          {{Op::mul_, 4, 0, 1, 0},
           {Op::add_, 5, 4, 2, 0},
           {Op::neg_, 6, 5, 0, 0},
           {Op::tanh_, 7, 6, 0, 0},
           {Op::mul_, 8, 7, 3, 0},
           {Op::lt_, 9, 0, 8, 0},
           {Op::where_, 10, 9, 1, 8}},
          {10, 8, 9}};
}

inline std::string modes(const Recipe& r, char of_inputs) {
  return std::string(r.inputs.size(), of_inputs) + std::string(r.results.size(), 'v');
}

}  // namespace scoregrad::generated
