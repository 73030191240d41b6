// One loop over contiguous elements for each row of the elementwise table and each dtype it takes: the instructions of the block
// interpreter.
#pragma once
#include "autograd/backend/program.h"

namespace scoregrad::on_cpu {

/// out[i] = op(a[i], b[i], c[i]) for i < n; operands beyond the op's arity are not read, bools are bytes, out may be a, b or c if of one
/// size.
using BlockLoop = void (*)(void* out, const void* a, const void* b, const void* c, int64_t n);

// The loops of a dtype on this machine, indexed by op; null where the row does not take it.
const BlockLoop* float32_loops();
const BlockLoop* float64_loops();
const BlockLoop* int64_loops();
const BlockLoop* boolean_loops();
inline const BlockLoop* block_loops(DType dtype) {
  return dtype == DType::float32   ? float32_loops()
         : dtype == DType::float64 ? float64_loops()
         : dtype == DType::int64   ? int64_loops()
                                   : boolean_loops();
}

/// A copy that does not leave `out` in the caches: for results larger than they are.
void stream(void* out, const void* in, int64_t bytes);
/// Makes streamed bytes visible to other threads.
void stream_fence();

}  // namespace scoregrad::on_cpu
