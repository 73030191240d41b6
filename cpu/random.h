// Random numbers on the CPU.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

/// Elements offset, offset + 1, ... of a stream, as scalar_normal.inc makes them from its words: the same bits on every instruction set and
/// for any cut into calls. Normals 2j and 2j + 1 come from the same two words (float64: pairs of words). out contiguous; bits are int64.
void random(Random kind, const View& out, KeyWords key, uint64_t offset);
/// out[i] = the key folded with data[i], two words each; both contiguous.
void fold(const View& out, KeyWords key, const View& data);

}  // namespace scoregrad::on_cpu
