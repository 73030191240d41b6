#include "autograd/ops/expression.h"

#include <algorithm>

namespace scoregrad {
namespace {

bool same(const ProgramBuilder::Value& a, const ProgramBuilder::Value& b) {
  return a.is_number == b.is_number && a.is_operand == b.is_operand && a.place == b.place;
}

}  // namespace

ProgramBuilder::Value ProgramBuilder::number(double v) {
  for (size_t i = 0; i < immediates.size(); ++i)
    if (immediates[i].f == v) return {true, static_cast<int>(i), false};
  immediates.push_back({v, static_cast<int64_t>(v)});
  return {true, static_cast<int>(immediates.size()) - 1, false};
}

ProgramBuilder::Value ProgramBuilder::apply(Op op, std::initializer_list<Value> arguments) {
  Step step{op, {}, static_cast<int>(arguments.size())};
  std::copy(arguments.begin(), arguments.end(), step.arguments);
  for (size_t i = 0; i < steps_.size(); ++i) {
    bool equal = steps_[i].op == op && steps_[i].count == step.count;
    for (int k = 0; equal && k < step.count; ++k) equal = same(steps_[i].arguments[k], step.arguments[k]);
    if (equal) return {false, static_cast<int>(i), false};
  }
  steps_.push_back(step);
  return {false, static_cast<int>(steps_.size()) - 1, false};
}

uint16_t ProgramBuilder::register_of(Value v) const {
  const int base = v.is_operand ? 0 : v.is_number ? operands_ : operands_ + static_cast<int>(immediates.size());
  return static_cast<uint16_t>(base + v.place);
}

void ProgramBuilder::finish(Value out) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step& s = steps_[i];
    const auto reg = [&](int k) { return k < s.count ? register_of(s.arguments[k]) : uint16_t{0}; };
    code.push_back({s.op, register_of({false, static_cast<int>(i), false}), reg(0), reg(1), reg(2)});
  }
  result = register_of(out);
}

}  // namespace scoregrad
