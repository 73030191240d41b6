#include "autograd/compile/fast/rows.h"

#include <algorithm>

namespace scoregrad::compiled {

namespace {

// What must be known of a call before its rows are dealt out. A call that no line below names stays whole.
struct Rule {
  bool by_rows = false;     // each row of the results follows from the same rows of the operands
  size_t whole = none;      // the operand of which each row reads everything
  double each = 10;         // flops an element ...
  bool of_operand = false;  // ... of the first operand; else of the result
  int64_t enough_rows = 0;  // fewer in a block do not repay what each block does anew
};

template <class C>
Rule rule_of(const C&, const Call&) {
  return {};
}
Rule rule_of(const calls::Elementwise&, const Call&) { return {.by_rows = true}; }
Rule rule_of(const calls::Copy&, const Call&) { return {.by_rows = true}; }
Rule rule_of(const calls::Fill&, const Call&) { return {.by_rows = true}; }
Rule rule_of(const calls::Draw&, const Call&) { return {.by_rows = true, .whole = 0}; }  // the key
Rule rule_of(const calls::Matmul&, const Call& c) {
  const int rank = c.out[0].shape.rank;
  const double each = 2 * static_cast<double>(c.in[0].shape.back(0));
  if (rank != 2) return {.by_rows = rank > 2, .each = each};
  return {.by_rows = true, .whole = 1, .each = each, .enough_rows = numel(c.in[1].shape) >= 512 * 512 ? 256 : 128};  // b is packed anew
}
template <class R>
Rule rule_of_reduction(const R& r) {
  return {.by_rows = std::find(r.axes.begin(), r.axes.end(), 0) == r.axes.end(), .of_operand = true};
}
Rule rule_of(const calls::Reduce& r, const Call&) { return rule_of_reduction(r); }
Rule rule_of(const calls::ReduceProgram& r, const Call&) { return rule_of_reduction(r); }
Rule rule_of(const calls::CumSum& s, const Call&) { return {.by_rows = s.axis != 0}; }
Rule rule_of(const calls::Sort& s, const Call&) { return {.by_rows = s.axis != 0}; }
Rule rule_of(const calls::IndexSelect& s, const Call&) { return {.by_rows = s.axis == 0, .whole = 0}; }

Rule rule_of(const Call& c) {
  return std::visit([&](const auto& what) { return rule_of(what, c); }, c.what);
}

}  // namespace

int64_t rows_of(const Call& c) {
  const auto first = [](const Place& p) { return p.shape.rank > 0 ? p.shape[0] : 0; };
  const Rule rule = rule_of(c);
  if (!rule.by_rows) return 0;
  const int64_t rows = first(c.out[0]);
  for (size_t k = 0; k < c.in.size(); ++k)
    if (k != rule.whole && first(c.in[k]) != rows) return 0;
  for (const Place& p : c.out)
    if (p.buffer == none || first(p) != rows) return 0;
  return rows;
}

bool reads_whole(const Call& c, size_t k) { return k == rule_of(c).whole; }

double ns_of(const Call& c) {
  const Rule rule = rule_of(c);
  const Place& p = rule.of_operand && !c.in.empty() ? c.in[0] : c.out[0];
  return rule.each * static_cast<double>(numel(p.shape)) * static_cast<double>(std::max<size_t>(1, c.code.size())) / 100;
}

int64_t enough_rows(const Call& c) { return rule_of(c).enough_rows; }

int64_t row_bytes(const Place& p, int64_t rows) { return p.strides[0] * (p.shape[0] / rows) * static_cast<int64_t>(size_of(p.dtype)); }

bool lies_by_rows(const Place& p, const Buffer& b, int64_t rows) {
  const auto bytes = static_cast<int64_t>(b.bytes), size = static_cast<int64_t>(size_of(p.dtype));
  if (bytes % rows != 0 || row_bytes(p, rows) != bytes / rows) return false;
  int64_t last = p.strides[0] * (p.shape[0] / rows - 1);
  for (int d = 1; d < p.shape.rank; ++d) {
    if (p.strides[d] < 0) return false;
    last += p.strides[d] * (p.shape[d] - 1);
  }
  return p.strides[0] > 0 && p.offset + last * size + size <= bytes / rows;
}

}  // namespace scoregrad::compiled
