// Runs a function once, for real, and notes every call that it makes to a backend.
#pragma once
#include <functional>

#include "autograd/compile/call.h"

namespace scoregrad::compiled {

using Step = std::function<Tensors(const Tensors&)>;

/// The bytes of a tensor that is older than the step, from before the step wrote it.
struct Overwritten {
  Ref<Storage> storage, before;
};
struct Recorded {
  Tensors results;
  Sequence sequence;
  std::string refusal = {};                ///< why a replay could not do the same; empty: it can
  std::vector<Overwritten> overwritten{};  ///< if `lenient`: what undo puts back
};
/// f(arguments) with its calls. Where f reads values on the host, leaves a new tensor behind without returning it, or returns one that is
/// part of a recorded computation, it throws Error, or, if `lenient`, lets f run on as if nobody watched and says so in `refusal`.
Recorded record(const Step& f, const Tensors& arguments, Where at, bool lenient = false);
/// Puts back the bytes that a leniently recorded step has overwritten.
void undo(const Recorded& r);

}  // namespace scoregrad::compiled
