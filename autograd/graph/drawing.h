// A recorded computation as a picture: text for Graphviz's `dot`.
#pragma once
#include "autograd/graph/flow.h"

namespace scoregrad {

struct DrawOptions {
  bool gradients = false;          ///< write |d sum(y) / d step| on every step, from one sweep
  const GradFlow* flow = nullptr;  ///< write the values, and unless `gradients` is set the cotangents, that it saw
};

/// The steps that led to y: op, attributes, shape and name of each, leaves and tags apart by form. Where tags are used, each edge and step
/// has the colours of the tagged paths of the gradients that pass there, with a legend; grey is the untagged rest.
std::string to_dot(const Tensor& y, const DrawOptions& options = {});

}  // namespace scoregrad
