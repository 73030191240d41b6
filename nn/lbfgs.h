// Quasi-Newton steps for losses without noise.
#pragma once
#include "nn/optimiser.h"

namespace scoregrad::nn {

struct LBFGSOptions {
  Rate rate = 1;                     ///< the first trial of each line search; the very first is also divided by max(1, |g|_1)
  int64_t iterations = 20;           ///< at most, a step
  int64_t evaluations = 25;          ///< of the loss and its gradient at most, a line search
  int64_t history = 10;              ///< pairs that the Hessian is built from
  double gradient_tolerance = 1e-7;  ///< stops where max |g| is below
  double change_tolerance = 1e-9;    ///< stops where a move, or the fall of the loss, is below
};
/// Limited-memory BFGS by the two-loop recursion, with a line search to the strong Wolfe conditions (c1 = 1e-4, c2 = 0.9)   (Nocedal &
/// Wright 2006, algorithms 7.4, 3.5 and 3.6). It looks at values to decide where to go, so a step cannot be recorded and replayed.
class LBFGS : public Optimiser {
 public:
  /// Throws Error unless the parameters share one element type and device.
  explicit LBFGS(Tensors parameters, LBFGSOptions options = {}, Where at = Where::here());
  /// Several iterations on a loss that is computed anew from the parameters at each call; returns the loss reached, which is never above
  /// the one at the start. Throws Error if that is not finite.
  double step(const std::function<Tensor()>& loss, Where at = Where::here());
  static void fields(auto& m, auto visit) {
    visit("rate", m.rate);
    visit("steps", m.steps);
    visit("pairs", m.pairs_);
    visit("moves", m.moves_);
    visit("changes", m.changes_);
  }

 private:
  struct Point {
    double at = 0, loss = 0, slope = 0;  // along the direction
    Tensor gradient;                     // [n]
  };
  Point evaluate(const std::function<Tensor()>& loss, const Tensor& x, const Tensor& direction, double t, Where at) const;
  Point search(const std::function<Point(double)>& along, const Point& start, double first, double scale) const;
  Tensor direction(const Tensor& gradient) const;
  void remember(const Tensor& move, const Tensor& change);

  Tensor pairs_;            // 0-d float64: how many were stored so far
  Tensor moves_, changes_;  // of x and of the gradient, a ring   [history, n]
  LBFGSOptions options_;
};

}  // namespace scoregrad::nn
