#include "autograd/compile/rows.h"

#include <algorithm>

namespace scoregrad::compiled {

int64_t rows_of(const Call& c) {
  const auto first = [](const Place& p) { return p.shape.rank > 0 ? p.shape[0] : 0; };
  switch (c.entry) {
    case Entry::elementwise:
    case Entry::copy:
    case Entry::fill:
    case Entry::random:
      break;
    case Entry::matmul:
      if (c.out[0].shape.rank < 2) return 0;
      break;
    case Entry::reduce:
      if (std::find(c.axes.begin(), c.axes.end(), 0) != c.axes.end()) return 0;
      break;
    case Entry::cumsum:
    case Entry::sort:
      if (c.axis == 0) return 0;
      break;
    case Entry::index_select:
      if (c.axis != 0) return 0;
      break;
    default:
      return 0;
  }
  const int64_t rows = first(c.out[0]);
  for (size_t k = 0; k < c.in.size(); ++k)
    if (!reads_whole(c, k) && first(c.in[k]) != rows) return 0;
  for (const Place& p : c.out)
    if (p.buffer < 0 || first(p) != rows) return 0;
  return rows;
}

bool reads_whole(const Call& c, size_t k) {
  if (c.entry == Entry::matmul) return k == 1 && c.out[0].shape.rank == 2;
  if (c.entry == Entry::index_select) return k == 0;
  return c.entry == Entry::random;  // the key
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
