// Expectations over standard normals as weighted sums.
#pragma once
#include <vector>

#include "autograd/tensor/create.h"

namespace scoregrad::distributions::quadrature {

/// E f(z) = sum of weights[i] f(nodes[i]) for z ~ N(0, 1); the weights sum to 1.
struct Rule {
  std::vector<double> nodes, weights;
};
/// Equally spaced nodes on [-half_width, half_width]. For an analytic integrand the error falls like exp(-2 pi y / step), y the distance of
/// its nearest pole from the real line: better than Gauss-Hermite for networks and mixtures.
Rule trapezoid(double half_width = 9, double step = 0.1, Where at = Where::here());
/// The rule that is exact for polynomials of degree up to 2 count - 1.
Rule gauss_hermite(int count, Where at = Where::here());

/// Nodes of a tensor product and their weights.
struct Nodes {
  Tensor z;        ///< [n, dims]
  Tensor weights;  ///< [n]
};
/// The product of one rule over `dims` dimensions, handed out in blocks so that memory does not grow with its size. Nodes whose weight
/// cannot matter, below `cutoff` times the largest one, are left out.
class Grid {
 public:
  Grid(Rule rule, int64_t dims, Options options, double cutoff = 1e-17);
  /// Up to `count` further nodes; an undefined z when none are left.
  Nodes next(int64_t count);
  /// How much of the product has been handed out, from 0 to 1.
  double progress() const;

 private:
  Rule rule_;
  std::vector<size_t> at_;  // the next node's index in each dimension
  bool more_ = true;
  Options options_;
  double smallest_ = 0;
};
/// The whole product at once.
Nodes product(const Rule& rule, int64_t dims, Options options);

}  // namespace scoregrad::distributions::quadrature
