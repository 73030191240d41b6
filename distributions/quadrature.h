// Expectations over standard normals as weighted sums.
#pragma once
#include <vector>

#include "autograd/tensor/create.h"

namespace scoregrad::distributions::quadrature {

/// E f(z) = sum of weights[i] f(nodes[i]) for z ~ N(0, 1); the weights sum to 1.
struct Rule {
  std::vector<double> nodes, weights;
  double step = 0;  ///< between neighbours, if they are equally spaced about 0
};
/// Equally spaced nodes on [-half_width, half_width]. For an analytic integrand the error falls like exp(-2 pi y / step), y the distance of
/// its nearest pole from the real line: better than Gauss-Hermite for networks and mixtures.
Rule trapezoid(double half_width = 9, double step = 0.1, Where at = Where::here());
/// The rule that is exact for polynomials of degree up to 2 count - 1.
Rule gauss_hermite(int count, Where at = Where::here());
/// The rule on (0, 1), for the uniform weight, that is exact for polynomials of degree up to 2 count - 1.
Rule gauss_legendre(int count, Where at = Where::here());

/// Throws Error unless there is a weight for each node.
void check(const Rule& rule, Where at = Where::here());
/// The next rule of the same kind: half the step, or half as many nodes again. Throws Error for nodes of one's own.
Rule finer(const Rule& rule, Where at = Where::here());
/// The rule before it: twice the step, which takes some of the same nodes, or two thirds of them. Without nodes where there is none.
Rule coarser(const Rule& rule);
/// By how much the weights of `coarse` exceed those of `fine`, in each dimension, if the nodes of the one are all among those of the
/// other; else 0.
double nested(const Rule& coarse, const Rule& fine);
/// How much of E z^2 + 1 lies beyond the outermost node: what halving the step cannot show.
double beyond(const Rule& rule);

/// Nodes of a tensor product and their weights.
struct Nodes {
  Tensor z;        ///< [n, dims]
  Tensor weights;  ///< [n]
};
/// The product of one rule over `dims` dimensions, handed out in blocks so that memory does not grow with its size. Nodes whose weight
/// cannot matter, below `cutoff` times the largest one, are left out, in whole lines and planes at once; so are those that belong to
/// `without`, a rule that is nested in this one.
class Grid {
 public:
  Grid(Rule rule, int64_t dims, Options options, double cutoff = 1e-17, const Rule& without = {}, Where at = Where::here());
  /// Up to `count` further nodes; an undefined z when none are left.
  Nodes next(int64_t count);
  /// How much of the product has been handed out, from 0 to 1.
  double progress() const;

 private:
  void advance(size_t axis);
  bool among_coarse() const;

  Rule rule_;
  int64_t coarse_side_ = -1;  // nodes of `without` on either side of 0; -1: none
  std::vector<size_t> at_;    // the next node's index in each dimension
  bool more_ = true;
  Options options_;
  double largest_ = 0, smallest_ = 0;
};
/// How many nodes such a grid has, within a percent or so and without going through them.
double count(const Rule& rule, int64_t dims, double cutoff = 1e-17);
/// The whole product at once.
Nodes product(const Rule& rule, int64_t dims, Options options, Where at = Where::here());

}  // namespace scoregrad::distributions::quadrature
