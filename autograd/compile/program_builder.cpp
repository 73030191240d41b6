#include "autograd/compile/program_builder.h"

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
  return is<calls::Elementwise>(c) || (is<calls::Copy>(c) && c.in[0].dtype == c.out[0].dtype && c.in[0].buffer >= 0);
}
DType arithmetic(const Call& c) { return is<calls::Copy>(c) ? c.in[0].dtype : c.dtype; }

std::vector<const Call*> fills(const Sequence& s) {
  const std::vector<char> value = values(s);
  std::vector<const Call*> filled(s.buffers.size());
  for (const Call& c : s.calls)
    if (is<calls::Fill>(c) && c.out[0].buffer >= 0 && value[static_cast<size_t>(c.out[0].buffer)])
      filled[static_cast<size_t>(c.out[0].buffer)] = &c;
  return filled;
}

void ProgramBuilder::add(const Call& c) {
  std::vector<int> local;  // the call's registers as ours
  for (const Place& p : c.in) local.push_back(load(squeezed(p)));
  if (is<calls::Copy>(c)) {
    store(squeezed(c.out[0]), local[0]);
    return;
  }
  for (const Immediate& v : c.immediates) local.push_back(immediate(v));
  for (const Instr& i : c.code) {
    const auto at = [&](uint16_t r) { return r < local.size() ? local[r] : local[0]; };
    local.push_back(instruction({i.op, at(i.a), at(i.b), at(i.c), arity(row(i.op).form)}));
  }
  for (size_t k = 0; k < c.out.size(); ++k) store(squeezed(c.out[k]), local[c.results[k]]);
}

Call ProgramBuilder::finish(const Call& model, DType dtype, const std::function<bool(const Place&)>& needed) {
  Call c{.what = calls::Elementwise{}, .backend = model.backend, .at = model.at};
  c.dtype = dtype;
  Stores stores;
  for (const auto& [p, r] : stores_)
    if (needed(p)) stores.emplace_back(p, r);
  prune(stores);
  for (const Place& p : loads_) c.in.push_back(p);
  c.immediates = immediates_;
  const auto number = [&](int r) -> uint16_t {
    const auto loads = static_cast<int>(loads_.size()), constants = static_cast<int>(immediates_.size());
    if (r >= instruction_base) return static_cast<uint16_t>(loads + constants + r - instruction_base);
    if (r >= immediate_base) return static_cast<uint16_t>(loads + r - immediate_base);
    return static_cast<uint16_t>(r);
  };
  for (size_t k = 0; k < code_.size(); ++k)
    c.code.push_back(
        {code_[k].op, number(instruction_base + static_cast<int>(k)), number(code_[k].a), number(code_[k].b), number(code_[k].c)});
  for (const auto& [p, r] : stores) {
    c.out.push_back(p);
    c.results.push_back(number(r));
  }
  return c;
}

int ProgramBuilder::load(const Place& p) {
  for (size_t k = stores_.size(); k-- > 0;)
    if (stores_[k].first == p) return stores_[k].second;
  if (p.buffer >= 0 && filled_[static_cast<size_t>(p.buffer)] && p.dtype != DType::boolean)
    return immediate(as<calls::Fill>(*filled_[static_cast<size_t>(p.buffer)]).value);
  for (size_t k = 0; k < loads_.size(); ++k)
    if (loads_[k] == p) return static_cast<int>(k);
  loads_.push_back(p);
  return static_cast<int>(loads_.size()) - 1;
}

int ProgramBuilder::immediate(Immediate v) {
  for (size_t k = 0; k < immediates_.size(); ++k)
    if (std::equal(reinterpret_cast<const char*>(&v), reinterpret_cast<const char*>(&v + 1),
                   reinterpret_cast<const char*>(&immediates_[k])))
      return immediate_base + static_cast<int>(k);
  immediates_.push_back(v);
  return immediate_base + static_cast<int>(immediates_.size()) - 1;
}

int ProgramBuilder::instruction(const Symbolic& i) {
  const auto same = [&](const Symbolic& j) {
    return i.op == j.op && i.a == j.a && (i.arity < 2 || i.b == j.b) && (i.arity < 3 || i.c == j.c);
  };
  const auto known = std::find_if(code_.begin(), code_.end(), same);
  if (known != code_.end()) return instruction_base + static_cast<int>(known - code_.begin());
  code_.push_back(i);
  return instruction_base + static_cast<int>(code_.size()) - 1;
}

void ProgramBuilder::store(const Place& p, int r) {
  for (auto& [place, last] : stores_)
    if (place == p) {
      last = r;
      return;
    }
  stores_.emplace_back(p, r);
}

// Leaves out what no stored result depends on.
void ProgramBuilder::prune(Stores& stores) {
  std::vector<char> used(code_.size()), loaded(loads_.size()), held(immediates_.size());
  const auto mark = [&](int r) {
    if (r >= instruction_base)
      used[static_cast<size_t>(r - instruction_base)] = 1;
    else if (r >= immediate_base)
      held[static_cast<size_t>(r - immediate_base)] = 1;
    else
      loaded[static_cast<size_t>(r)] = 1;
  };
  for (const auto& [p, r] : stores) mark(r);
  for (size_t k = code_.size(); k-- > 0;) {
    if (!used[k]) continue;
    mark(code_[k].a);
    if (code_[k].arity > 1) mark(code_[k].b);
    if (code_[k].arity > 2) mark(code_[k].c);
  }
  const auto compress = [](auto& list, const std::vector<char>& keep, int base) {
    std::vector<int> where(list.size());
    size_t n = 0;
    for (size_t k = 0; k < list.size(); ++k) {
      where[k] = base + static_cast<int>(n);
      if (keep[k]) list[n++] = list[k];
    }
    list.resize(n);
    return where;
  };
  for (size_t k = 0; k < code_.size(); ++k) {  // an operand that the op does not have names one that it has
    if (code_[k].arity < 2) code_[k].b = code_[k].a;
    if (code_[k].arity < 3) code_[k].c = code_[k].a;
  }
  const std::vector<int> l = compress(loads_, loaded, 0), v = compress(immediates_, held, immediate_base),
                         o = compress(code_, used, instruction_base);
  const auto moved = [&](int r) {
    return r >= instruction_base ? o[static_cast<size_t>(r - instruction_base)]
           : r >= immediate_base ? v[static_cast<size_t>(r - immediate_base)]
                                 : l[static_cast<size_t>(r)];
  };
  for (Symbolic& i : code_) i.a = moved(i.a), i.b = moved(i.b), i.c = moved(i.c);
  for (auto& [p, r] : stores) r = moved(r);
}

}  // namespace scoregrad::compiled
