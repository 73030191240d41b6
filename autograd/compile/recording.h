// Runs a function once, for real, and notes every call that it makes to a backend.
#pragma once
#include <functional>

#include "autograd/compile/call.h"

namespace scoregrad::compiled {

using Step = std::function<Tensors(const Tensors&)>;

struct Recorded {
  Tensors results;
  Sequence sequence;
};
/// f(arguments) with its calls. Throws Error where f reads values on the host, leaves a new tensor behind without returning it, or
/// returns one that is part of a recorded computation.
Recorded record(const Step& f, const Tensors& arguments, Where at);

}  // namespace scoregrad::compiled
