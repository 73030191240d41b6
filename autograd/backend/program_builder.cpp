#include "autograd/backend/program_builder.h"

#include <algorithm>
#include <bit>

namespace scoregrad {

ProgramBuilder::Value ProgramBuilder::number(Immediate v) {
  const auto bits = [](double f) { return std::bit_cast<uint64_t>(f); };  // by which -0 is not 0, and NaN is NaN
  for (size_t k = 0; k < immediates_.size(); ++k)
    if (immediates_[k].i == v.i && bits(immediates_[k].f) == bits(v.f)) return {Value::number, k};
  immediates_.push_back(v);
  return {Value::number, immediates_.size() - 1};
}

ProgramBuilder::Value ProgramBuilder::apply(Op op, std::initializer_list<Value> arguments) {
  Step step{op, static_cast<int>(arguments.size()), {}};
  std::copy(arguments.begin(), arguments.end(), step.arguments);
  for (size_t k = 0; k < steps_.size(); ++k)
    if (steps_[k].op == op && std::equal(arguments.begin(), arguments.end(), steps_[k].arguments)) return {Value::instruction, k};
  steps_.push_back(step);
  return {Value::instruction, steps_.size() - 1};
}

ProgramBuilder::Finished ProgramBuilder::finish(const std::vector<Value>& results, bool keep_all_operands) const {
  std::vector<char> kept[3] = {std::vector<char>(operands_, keep_all_operands), std::vector<char>(immediates_.size()),
                               std::vector<char>(steps_.size())};
  for (const Value& v : results) kept[v.kind][v.index] = 1;
  for (size_t k = steps_.size(); k-- > 0;)
    for (int i = 0; kept[Value::instruction][k] && i < steps_[k].count; ++i)
      kept[steps_[k].arguments[i].kind][steps_[k].arguments[i].index] = 1;

  std::vector<uint16_t> place[3];  // the register of each, counted over all that is kept before it
  uint16_t next = 0;
  for (int kind = 0; kind < 3; ++kind)
    for (char keep : kept[kind]) {
      place[kind].push_back(next);
      next = static_cast<uint16_t>(next + keep);
    }
  const auto at = [&](const Value& v) { return place[v.kind][v.index]; };

  Finished f;
  for (size_t k = 0; k < operands_; ++k)
    if (kept[Value::operand][k]) f.operands.push_back(k);
  for (size_t k = 0; k < immediates_.size(); ++k)
    if (kept[Value::number][k]) f.immediates.push_back(immediates_[k]);
  for (size_t k = 0; k < steps_.size(); ++k) {
    if (!kept[Value::instruction][k]) continue;
    const Step& s = steps_[k];  // an operand that the op does not have names one that it has
    f.code.push_back({s.op, place[Value::instruction][k], at(s.arguments[0]), at(s.arguments[s.count > 1 ? 1 : 0]),
                      at(s.arguments[s.count > 2 ? 2 : 0])});
  }
  for (const Value& v : results) f.results.push_back(at(v));
  return f;
}

Program ProgramBuilder::Finished::program(DType dtype) const {
  return {dtype,
          static_cast<int>(operands.size()),
          static_cast<int>(immediates.size()),
          immediates.data(),
          static_cast<int>(code.size()),
          code.data(),
          static_cast<int>(results.size()),
          results.data()};
}

}  // namespace scoregrad
