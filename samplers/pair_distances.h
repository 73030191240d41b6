// Distances between the rows of two sets, all of them: quickly by a matrix product where that is exact enough, else by differences.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad::samplers {

/// Throws Error unless both sets have rows of one length, and at least so many of them.   x [n, d], y [m, d]
void check_sets(const char* op, const Tensor& x, const Tensor& y, int64_t least, Where at);

/// sum_a (u_ia - v_ja)(x_ia - y_ja), one axis after another.   u, x [n, d], v, y [m, d] -> [n, m]
Tensor product_of_differences(const Tensor& u, const Tensor& v, const Tensor& x, const Tensor& y);
/// |a_i - b_j|^2 by one matrix product: wrong by about 4 eps times the square of the farthest row.   a [n, d], b [m, d] -> [n, m]
Tensor squared_distances(const Tensor& a, const Tensor& b);

/// Where the rows stand, about the middle of the first set. In float64, for in float32 even a difference loses what lies close together.
struct Places {
  Tensor origin;
  double far;  ///< square of the largest distance from the middle

  Places(const Tensor& x, const Tensor& y);
  /// True if a kernel of this width cannot tell distances by a product from distances by differences.
  bool product_serves(double width) const { return far * 1e-15 < 1e-10 * width * width; }
  /// |x_i - y_j|^2 to what such a kernel can tell.   [n, m]
  Tensor distances(const Tensor& x, const Tensor& y, double width) const;
};

}  // namespace scoregrad::samplers
