// Random numbers on the CPU.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

/// Elements offset, offset + 1, ... of a stream. Normals come in pairs by Box and Muller: elements 2j and 2j + 1 are r cos a and r sin a
/// with r^2 = -2 log(1 - u_2j), a = 2 pi u_(2j+1).
void random(Random kind, const View& out, KeyWords key, uint64_t offset);
/// Keys folded with each of `data`.
void fold(const View& out, KeyWords key, const View& data);

}  // namespace scoregrad::on_cpu
