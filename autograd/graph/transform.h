// What the transforms of functions have in common: the function applied once, recorded, and where its graph begins and ends.
#pragma once
#include "autograd/graph/gradient.h"

namespace scoregrad {

/// y = f(xs), recorded from fresh leaves over the bytes of the points, or, to be differentiated again, from the points themselves.
struct Application {
  RecordingScope recording{true};
  FunctionScope line;
  bool create_graph;
  Tensors xs;
  Tensor y;
  Application(const Functions& f, const Tensors& points, const GradOptions& options, Where at);
  /// y for the caller.
  Tensor value() const;
  /// The derivatives of a y that does not depend on xs.
  Tensors zeros() const;
};

/// A function of one tensor as one of a list; f must outlive it.
inline Functions of_list(const Function& f) {
  return [&f](const Tensors& xs) { return f(xs[0]); };
}
/// Throws Error if a seed was given to what takes none.
void refuse_seed(const char* op, const GradOptions& options, Where at);

}  // namespace scoregrad
