#include "cuda/nest.h"

#include <cstdlib>

namespace scoregrad::on_cuda {

static_assert(most_dims == max_rank);

int64_t Nest::count() const {
  int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= extent[d];
  return n;
}

Extents Nest::extents(int width) const {
  Extents e{count() / width, rank, 0, {}, {}};
  e.wide = e.count >= int64_t{1} << 31;
  for (int d = 0; d < rank; ++d) {
    e.extent[d] = d == rank - 1 ? extent[d] / width : extent[d];
    e.divisor[d] = e.wide || e.count == 0 ? Divisor(1) : Divisor(static_cast<uint32_t>(e.extent[d]));
  }
  return e;
}

Nest nest_of(const Shape& shape, const Strides* const* strides, int operands, int lead) {
  int order[max_rank], count = 0;
  for (int d = 0; d < shape.rank; ++d) {
    if (shape[d] == 1) continue;
    int place = count++;
    if (lead >= 0) {
      const int64_t s = std::abs((*strides[lead])[d]);
      for (; place > 0 && s != 0 && std::abs((*strides[lead])[order[place - 1]]) < s; --place) order[place] = order[place - 1];
    }
    order[place] = d;
  }
  Nest nest;
  nest.stride.assign(static_cast<size_t>(operands) * most_dims, 0);
  for (int i = 0; i < count; ++i) {
    const int d = order[i];
    bool joins = nest.rank > 0;
    for (int n = 0; n < operands && joins; ++n) joins = nest.at(n, nest.rank - 1) == (*strides[n])[d] * shape[d];
    if (joins)
      nest.extent[nest.rank - 1] *= shape[d];
    else
      nest.extent[nest.rank++] = shape[d];
    for (int n = 0; n < operands; ++n) nest.at(n, nest.rank - 1) = (*strides[n])[d];
  }
  return nest;
}

}  // namespace scoregrad::on_cuda
