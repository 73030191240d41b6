// Operands of elementwise calls whose rows are short, repeated or permuted: a bias per channel, a maximum per row, points against means. A
// register of consecutive flat indices takes its elements from one register of memory, in an order that comes back after a few registers.
#pragma once
#include <cstdint>

namespace scoregrad::on_cpu {

/// How an operand of 4-byte elements is read register by register. The flat index is cut into tiles of one pattern, `step` elements apart.
struct ShortRows {
  static constexpr int most = 64, widest = 16;
  int outer;                               // dimensions of the nest that stand still ...
  int64_t run;                             // ... for so many flat indices
  int64_t period;                          // elements in a tile
  int64_t step;                            // from one tile to the next, in the operand
  int registers;                           // in a round: where a tile and a register begin together again
  int64_t unit;                            // a register begins at a multiple of this in its tile
  int64_t advance;                         // from one round to the next, in the operand
  uint8_t place[most];                     // by that multiple: which register of the round it is
  int64_t offset[most];                    // by register: what it reads first, from the round's beginning,
  int32_t reach[most];                     // and how many elements, that one included
  alignas(64) int32_t lane[most][widest];  // which of them goes to each lane
};

/// Fits a pattern to the inner dimensions of a nest; false where there is none that pays, or the machine has no such registers.
bool fit(ShortRows& rows, const int64_t* extent, const int64_t* stride, int rank);
/// out[i] = the element at flat index `start` + i of the run that begins at x; returns for how many i < n, from 0 on, it was done.
int64_t gather(const ShortRows& rows, const void* x, int64_t start, int64_t n, void* out);

}  // namespace scoregrad::on_cpu
