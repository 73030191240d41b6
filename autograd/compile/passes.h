// What makes a recorded step cheaper: each pass maps a list of calls to a list that computes the same bits.
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
/// Gives every temporary its place in one arena: two whose lives do not overlap may share it.
Sequence plan(Sequence s);

}  // namespace scoregrad::compiled
