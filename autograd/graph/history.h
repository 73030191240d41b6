// Whether a tensor has a history to differentiate, and what to say if it has none.
#pragma once
#include <string>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Throws Error unless y has a history: that nothing tracked went into it, that it was computed under NoGrad, or that it comes from a
/// gradient without create_graph, each with the way out.
void need_history(const char* op, const Tensor& y, Where at);
/// The same for an argument, the tensor with respect to which something is differentiated.
void need_tracked(const char* op, const Tensor& x, Where at);

}  // namespace scoregrad
