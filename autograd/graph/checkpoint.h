// Trading time for memory: a piece of a computation that keeps no values for its derivative and is run again when a sweep comes by.
#pragma once
#include "autograd/graph/gradient.h"

namespace scoregrad {

/// f(xs) as one node that keeps xs and nothing else; every sweep that meets it runs f again. Tracked tensors that f captures get their
/// gradients too. f is kept as long as the graph: let it capture by value. It must compute the same at each call (random numbers by keys
/// do), and what it captures must not be written in between. Works in both directions, to any order, nested, and with tags inside f. After
/// Chen et al. 2016, "Training deep nets with sublinear memory cost".
Tensor checkpoint(const Functions& f, const Tensors& xs, Where at = Where::here());
Tensor checkpoint(const Function& f, const Tensor& x, Where at = Where::here());

}  // namespace scoregrad
