#include "autograd/compile/fast/rows.h"

#include <algorithm>

namespace scoregrad::compiled {

namespace {

// True if the call computes each row of its results from the same rows of its operands, and of what reads_whole() names.
template <class C>
bool goes_by_rows(const C&, const Call&) {
  return false;
}
bool goes_by_rows(const calls::Elementwise&, const Call&) { return true; }
bool goes_by_rows(const calls::Copy&, const Call&) { return true; }
bool goes_by_rows(const calls::Fill&, const Call&) { return true; }
bool goes_by_rows(const calls::Draw&, const Call&) { return true; }
bool goes_by_rows(const calls::Matmul&, const Call& c) { return c.out[0].shape.rank >= 2; }
bool goes_by_rows(const calls::Reduce& r, const Call&) { return std::find(r.axes.begin(), r.axes.end(), 0) == r.axes.end(); }
bool goes_by_rows(const calls::ReduceProgram& r, const Call&) { return std::find(r.axes.begin(), r.axes.end(), 0) == r.axes.end(); }
bool goes_by_rows(const calls::CumSum& s, const Call&) { return s.axis != 0; }
bool goes_by_rows(const calls::Sort& s, const Call&) { return s.axis != 0; }
bool goes_by_rows(const calls::IndexSelect& s, const Call&) { return s.axis == 0; }

}  // namespace

int64_t rows_of(const Call& c) {
  const auto first = [](const Place& p) { return p.shape.rank > 0 ? p.shape[0] : 0; };
  if (!std::visit([&](const auto& what) { return goes_by_rows(what, c); }, c.what)) return 0;
  const int64_t rows = first(c.out[0]);
  for (size_t k = 0; k < c.in.size(); ++k)
    if (!reads_whole(c, k) && first(c.in[k]) != rows) return 0;
  for (const Place& p : c.out)
    if (p.buffer == none || first(p) != rows) return 0;
  return rows;
}

bool reads_whole(const Call& c, size_t k) {
  if (is<calls::Matmul>(c)) return k == 1 && c.out[0].shape.rank == 2;
  if (is<calls::IndexSelect>(c)) return k == 0;
  return is<calls::Draw>(c);  // the key
}

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
