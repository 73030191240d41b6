// What makes a recorded step cheaper: each pass maps a list of calls to a list that computes the same.
#pragma once
#include "autograd/compile/call.h"

namespace scoregrad::compiled {

/// Without the calls whose results nobody reads.
Sequence drop(Sequence s);
/// Equal calls on equal operands become one, within one region.
Sequence merge(Sequence s);
/// Puts first and marks what is the same in every step: it depends on no argument and on nothing captured.
Sequence fold(Sequence s);
/// Elementwise calls over one shape become one program; what only they read is never stored.
Sequence fuse(Sequence s);
/// What a few cheap instructions compute again from what is in memory is not stored by one program for another.
Sequence recompute(Sequence s);
/// A reduction of what one program makes and nobody else reads becomes one with the program, on devices that compute both in one pass.
Sequence absorb(Sequence s);
/// What is left whole, and how large a block may be.
struct BlockLimits {
  int64_t least_rows = 64, cache_bytes = 1 << 20;  // fewer rows are left whole; a block touches half of a usual second-level cache
  int64_t least_product = 256;                     // rows a block needs at most for a product's sake
  double least_ns = 100000;                        // less work is left whole
  double most_growth = 1.25;  // of the arena: what waits behind a band keeps alive what it reads; none where a checkpoint saves
};
/// Calls over the same rows are made block of rows by block of rows, where the host's threads make them. Products are cut into other tiles
/// than in eager calls: where another kernel makes them, their bits may differ within 4 K eps.
Sequence block(Sequence s, const BlockLimits& limits = {});
/// Gives every temporary its place in one arena: two whose lives do not overlap may share it.
Sequence plan(Sequence s);

/// On a device that can take calls down, the step is run as one launch.
Sequence launch(Sequence s);

/// The list after a stage; each pass is verified where verification() says so.
Sequence passed(const Sequence& recorded, Pass stage);

}  // namespace scoregrad::compiled
