// A recorded computation as text.
#pragma once
#include "autograd/tensor/tensor.h"

namespace scoregrad {

struct ListingOptions {
  Tensors known = {};  ///< steps that these were computed by keep their numbers but are not listed again
};

/// The steps that led to the roots, operands first: number, name, op, numbers of its operands (_ where nothing was tracked), attributes,
/// element type and shape, and the user's line. A gradient taken with create_graph is a root like any other: listing({y, g}) shows both.
///     1  x = leaf             float32 [3]  tour.cpp:12
///     2  mul(1, _)            float32 [3]  tour.cpp:13
///     3  y = sum(2) axes=[0]  float32 []   tour.cpp:13
std::string listing(const Tensors& roots, const ListingOptions& options = {});
inline std::string listing(const Tensor& root, const ListingOptions& options = {}) { return listing(Tensors{root}, options); }

}  // namespace scoregrad
