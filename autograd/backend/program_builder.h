// A program under construction, by whoever writes one: a derivative's text, several calls that become one.
#pragma once
#include <initializer_list>
#include <vector>

#include "autograd/backend/program.h"

namespace scoregrad {

/// Equal numbers and equal instructions are merged; what no result depends on is left out in the end.
class ProgramBuilder {
 public:
  struct Value {
    enum Kind : uint8_t { operand, number, instruction } kind = operand;
    size_t index = 0;
    friend bool operator==(const Value& a, const Value& b) { return a.kind == b.kind && a.index == b.index; }
  };
  /// The next operand.
  Value operand() { return {Value::operand, operands_++}; }
  Value number(Immediate v);
  Value apply(Op op, std::initializer_list<Value> arguments);

  /// Registers are numbered as in Program: operands, immediates, instructions.
  struct Finished {
    std::vector<size_t> operands;  ///< those that are left, in order
    std::vector<Immediate> immediates;
    std::vector<Instr> code;
    std::vector<uint16_t> results;
    Program program(DType dtype) const;
  };
  Finished finish(const std::vector<Value>& results, bool keep_all_operands) const;

 private:
  struct Step {
    Op op;
    int count;
    Value arguments[3];
  };
  size_t operands_ = 0;
  std::vector<Immediate> immediates_;
  std::vector<Step> steps_;
};

}  // namespace scoregrad
