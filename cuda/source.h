// The text of generated kernels: an elementwise program as one CUDA function, and the kernels that store or reduce what it computes. The
// arithmetic is the table's own text (cuda/scalar.h); what is printed here only names rows and registers.
#pragma once
#include <string>
#include <vector>

#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

/// How a kernel reaches memory.
struct Reach {
  int width = 1;      ///< elements that a thread moves at once; operands of mode 'v' are aligned to them
  bool flat = false;  ///< every operand is contiguous over the whole shape or one element: no offsets to compute
  bool wide = false;  ///< some loop has 2^31 iterations or more
  std::string modes;  ///< one letter an operand, inputs first: 'v' for `width` neighbours, 's' for one element repeated
  /// Which strides an operand of an elementwise program has: those of the same number share them. Empty: everyone has its own.
  std::vector<int> strides = {};
};

/// The operands' types and the program are all of a call that the text depends on, besides the reach.
struct Call {
  const Program& program;
  const Access* inputs;
  const Access* outputs;  // null for a reduction
};

/// The type of a register of the program.
DType register_type(const Call& call, int r);

/// A kernel `name` with one parameter, by value:
///   flat: int64 elements; else Extents extents;
///   then Number number[max(1, constants)], void* data[operands], and, unless flat, int64 stride[largest of reach.strides + 1][8].
std::string elementwise_text(const std::string& name, const Call& call, const Reach& reach);

/// A kernel `name` that reduces the program's first result; flat here means that packs of `width` lie along the one reduced dimension. Its
/// parameter: Work, Target, Extents kept, Extents reduced, Number number[..], void* data[inputs], int64 kept_stride[inputs][8],
/// int64 reduced_stride[inputs][8].
std::string reduction_text(const std::string& name, Reduction kind, const Call& call, const Reach& reach);

/// A kernel `name` that combines the results of chunks of elements of type `dtype`; its parameter: Work, Target, const void* table.
std::string table_text(const std::string& name, Reduction kind, DType dtype);

}  // namespace scoregrad::on_cuda
