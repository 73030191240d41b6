#include "cpu/nest.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace scoregrad::on_cpu {
namespace {

// Between `count` elements of a block and as many elements s apart; Into the block, or out of it.
template <bool Into, class T>
void move_row(T* dense, T* sparse, int64_t s, int64_t count) {
  if constexpr (Into) {
    if (s == 1)
      std::copy_n(sparse, count, dense);
    else if (s == 0)
      std::fill_n(dense, count, *sparse);
    else
      for (int64_t i = 0; i < count; ++i) dense[i] = sparse[i * s];
  } else {
    for (int64_t i = 0; i < count; ++i) sparse[i * s] = dense[i];
  }
}
// Points in the plane and the like: rows too short for a loop of their own.
template <int length, bool Into, class T>
void move_short_rows(T* dense, T* sparse, int64_t s, int64_t step, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r, dense += length, sparse += step)
    for (int i = 0; i < length; ++i)
      if constexpr (Into)
        dense[i] = sparse[i * s];
      else
        sparse[i * s] = dense[i];
}

// One pass over the part [start, start + n) of the flat index, in rows of the innermost dimension.
template <class T, bool Into>
void move(T* block, T* data, const int64_t* stride, const Nest& nest, int64_t start, int64_t n) {
  const int inner = nest.rank - 1;
  int64_t at[max_rank] = {};
  for (int d = inner; d >= 0; --d) {
    at[d] = start % nest.extent[d];
    start /= nest.extent[d];
    data += at[d] * stride[d];
  }
  const int64_t s = stride[inner], length = nest.extent[inner];
  for (;;) {
    const int64_t count = std::min(length - at[inner], n);
    move_row<Into>(block, data, s, count);
    n -= count;
    if (n == 0) return;
    block += count;
    data -= at[inner] * s;
    at[inner] = 0;
    if (inner == 0) return;
    // Whole rows of the dimension next to the innermost.
    const int64_t rows = std::min(nest.extent[inner - 1] - at[inner - 1] - 1, n / length), step = stride[inner - 1];
    at[inner - 1] += rows;
    n -= rows * length;
    if (length == 2)
      move_short_rows<2, Into>(block, data + step, s, step, rows);
    else if (length == 3)
      move_short_rows<3, Into>(block, data + step, s, step, rows);
    else if (length == 4)
      move_short_rows<4, Into>(block, data + step, s, step, rows);
    else
      for (int64_t r = 0; r < rows; ++r) move_row<Into>(block + r * length, data + (r + 1) * step, s, length);
    block += rows * length;
    data += rows * step;
    if (n == 0) return;
    for (int d = inner - 1; d >= 0; --d) {
      data += stride[d];
      if (++at[d] < nest.extent[d]) break;
      data -= nest.extent[d] * stride[d];
      at[d] = 0;
    }
  }
}

template <bool Into>
void move(char* block, const Operand& o, const Nest& nest, int64_t start, int64_t n) {
  if (o.size == 4)
    move<uint32_t, Into>(reinterpret_cast<uint32_t*>(block), reinterpret_cast<uint32_t*>(o.data), o.stride, nest, start, n);
  else if (o.size == 8)
    move<uint64_t, Into>(reinterpret_cast<uint64_t*>(block), reinterpret_cast<uint64_t*>(o.data), o.stride, nest, start, n);
  else
    move<uint8_t, Into>(reinterpret_cast<uint8_t*>(block), reinterpret_cast<uint8_t*>(o.data), o.stride, nest, start, n);
}

// The length of the longest contiguous inner part, if the operand repeats it over all outer dimensions; 0 if it is of no such kind.
int64_t period_of(const Operand& o, const Nest& nest) {
  int64_t period = 1;
  int d = nest.rank - 1;
  for (; d >= 0 && o.stride[d] == period; --d) period *= nest.extent[d];
  for (; d >= 0; --d)
    if (o.stride[d] != 0) return 0;
  return period;
}

}  // namespace

void Nest::build(const Shape& shape, const Access* inputs, int input_count, const Access* outputs, int output_count, Operand* operands) {
  const int count = input_count + output_count;
  auto access = [&](int k) -> const Access& { return k < input_count ? inputs[k] : outputs[k - input_count]; };

  // The first output's largest stride outermost: where all operands lie alike, transposed or not, they are walked as they lie.
  int order[max_rank], dims = 0;
  const Strides& lead = access(output_count > 0 ? input_count : 0).strides;
  for (int d = 0; d < shape.rank; ++d) {
    if (shape[d] == 1) continue;
    int at = dims++;
    for (; at > 0 && std::abs(lead[order[at - 1]]) < std::abs(lead[d]); --at) order[at] = order[at - 1];
    order[at] = d;
  }
  for (int i = 0; i < dims; ++i) {
    const int d = order[i];
    bool joins = rank > 0;
    for (int k = 0; k < count && joins; ++k) joins = operands[k].stride[rank - 1] == access(k).strides[d] * shape[d];
    if (joins)
      extent[rank - 1] *= shape[d];
    else
      extent[rank++] = shape[d];
    for (int k = 0; k < count; ++k) operands[k].stride[rank - 1] = access(k).strides[d];
  }
  if (rank == 0) {
    extent[rank++] = 1;
    for (int k = 0; k < count; ++k) operands[k].stride[0] = 1;
  }
  int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= extent[d];
  for (int k = 0; k < count; ++k) {
    Operand& o = operands[k];
    o.data = static_cast<char*>(access(k).data);
    o.size = static_cast<int32_t>(size_of(access(k).dtype));
    o.period = period_of(o, *this);
    o.rows = nullptr;
    o.pattern = o.period == n ? Pattern::contiguous : o.period > 0 ? Pattern::periodic : Pattern::strided;
  }
}

void Nest::gather(char* out, const Operand& operand, int64_t start, int64_t n) const {
  if (operand.period == 1) return repeat(out, operand.data, operand.size, n);
  if (!operand.rows) return move<true>(out, operand, *this, start, n);
  const ShortRows& rows = *operand.rows;
  while (n > 0) {
    const int64_t within = start % rows.run, m = std::min(n, rows.run - within);
    int64_t offset = 0;
    for (int64_t outer = start / rows.run, d = rows.outer - 1; d >= 0; outer /= extent[d], --d)
      offset += outer % extent[d] * operand.stride[d];
    const int64_t done = scoregrad::on_cpu::gather(rows, operand.data + offset * operand.size, within, m, out);
    if (done < m) move<true>(out + done * operand.size, operand, *this, start + done, m - done);
    start += m, n -= m, out += m * operand.size;
  }
}

void Nest::scatter(const Operand& operand, const char* in, int64_t start, int64_t n) const {
  move<false>(const_cast<char*>(in), operand, *this, start, n);
}

void repeat(char* out, const char* in, int size, int64_t n) {
  if (size == 4)
    std::fill_n(reinterpret_cast<uint32_t*>(out), n, *reinterpret_cast<const uint32_t*>(in));
  else if (size == 8)
    std::fill_n(reinterpret_cast<uint64_t*>(out), n, *reinterpret_cast<const uint64_t*>(in));
  else
    std::memset(out, *in, static_cast<size_t>(n));
}

}  // namespace scoregrad::on_cpu
