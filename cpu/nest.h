// The loop nest of an elementwise call: a shape in as few dimensions as the strides of all its operands allow, and the ways between an
// operand's memory and a contiguous block of flat indices.
#pragma once
#include "autograd/backend/program.h"
#include "cpu/short_rows.h"

namespace scoregrad::on_cpu {

/// How an operand runs over the flat index: element by element, the same `period` elements again and again, or in any other way.
enum class Pattern : uint8_t { contiguous, periodic, strided };

struct Operand {
  char* data;
  int64_t stride[max_rank];  // in elements, per dimension of the nest
  int64_t period;
  int32_t size;  // bytes of an element
  Pattern pattern;
  const ShortRows* rows;  // how a strided operand is read by registers; null if it is not
};

struct Nest {
  int rank = 0;
  int64_t extent[max_rank];

  /// Orders and joins the dimensions of `shape` and describes every operand in `operands`: the inputs, then the outputs.
  void build(const Shape& shape, const Access* inputs, int input_count, const Access* outputs, int output_count, Operand* operands);
  /// out[i] = the operand's element at flat index start + i.
  void gather(char* out, const Operand& operand, int64_t start, int64_t n) const;
  /// The operand's element at flat index start + i = in[i].
  void scatter(const Operand& operand, const char* in, int64_t start, int64_t n) const;
};

/// out[i] = the one element at `in`, of 1, 4 or 8 bytes.
void repeat(char* out, const char* in, int size, int64_t n);

}  // namespace scoregrad::on_cpu
