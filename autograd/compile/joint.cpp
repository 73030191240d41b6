#include "autograd/compile/joint.h"

#include <algorithm>

namespace scoregrad::compiled {

Place squeezed(const Place& p) {
  Place q = p;
  q.shape = {}, q.strides = {};
  for (int i = 0; i < p.shape.rank; ++i) {
    if (p.shape[i] == 1) continue;
    q.shape.push_back(p.shape[i]);
    q.strides.push_back(p.strides[i]);
  }
  return q;
}

bool is_elementwise(const Call& c) {
  return is<calls::Elementwise>(c) || (is<calls::Copy>(c) && c.in[0].dtype == c.out[0].dtype && c.in[0].buffer != none);
}
DType arithmetic(const Call& c) { return is<calls::Copy>(c) ? c.in[0].dtype : c.dtype; }

std::vector<const Call*> fills(const Sequence& s) {
  const std::vector<char> value = values(s);
  std::vector<const Call*> filled(s.buffers.size());
  for (const Call& c : s.calls)
    if (is<calls::Fill>(c) && c.out[0].buffer != none && value[c.out[0].buffer]) filled[c.out[0].buffer] = &c;
  return filled;
}

void JointProgram::add(const Call& c) {
  std::vector<Value> local;  // by the call's registers
  for (const Place& p : c.in) local.push_back(load(squeezed(p)));
  if (is<calls::Copy>(c)) return store(squeezed(c.out[0]), local[0]);
  for (const Immediate& v : c.immediates) local.push_back(program_.number(v));
  for (const Instr& i : c.code) {
    const int operands = arity(row(i.op).form);
    local.push_back(operands == 1   ? program_.apply(i.op, {local[i.a]})
                    : operands == 2 ? program_.apply(i.op, {local[i.a], local[i.b]})
                                    : program_.apply(i.op, {local[i.a], local[i.b], local[i.c]}));
  }
  for (size_t k = 0; k < c.out.size(); ++k) store(squeezed(c.out[k]), local[c.results[k]]);
}

Call JointProgram::finish(const Call& model, DType dtype, const std::function<bool(const Place&)>& needed) const {
  Call c{.what = calls::Elementwise{}, .backend = model.backend, .at = model.at};
  c.dtype = dtype;
  std::vector<Value> results;
  for (const auto& [p, v] : stores_) {
    if (!needed(p)) continue;
    c.out.push_back(p);
    results.push_back(v);
  }
  ProgramBuilder::Finished program = program_.finish(results, false);
  for (size_t k : program.operands) c.in.push_back(loads_[k]);
  c.immediates = std::move(program.immediates);
  c.code = std::move(program.code);
  c.results = std::move(program.results);
  return c;
}

ProgramBuilder::Value JointProgram::load(const Place& p) {
  for (size_t k = stores_.size(); k-- > 0;)
    if (stores_[k].first == p) return stores_[k].second;
  if (p.buffer != none && filled_[p.buffer] && p.dtype != DType::boolean) return program_.number(as<calls::Fill>(*filled_[p.buffer]).value);
  for (size_t k = 0; k < loads_.size(); ++k)
    if (loads_[k] == p) return {Value::operand, k};
  loads_.push_back(p);
  return program_.operand();
}

void JointProgram::store(const Place& p, Value v) {
  for (auto& [place, last] : stores_)
    if (place == p) {
      last = v;
      return;
    }
  stores_.emplace_back(p, v);
}

}  // namespace scoregrad::compiled
