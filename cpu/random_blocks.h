// Whole blocks of random numbers, by the instruction set of this machine.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

/// Elements of a block of four words: float32 and words (int64) 4, float64 2.
constexpr int64_t block_elements(DType dtype) { return dtype == DType::float64 ? 2 : 4; }

/// The elements of blocks first, ..., first + count - 1 of a stream.
void draw_blocks(Random kind, DType dtype, const uint32_t key[2], uint64_t first, int64_t count, void* out);

}  // namespace scoregrad::on_cpu
