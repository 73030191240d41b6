// Is a derivative rule right? Inner products along random directions ask the two sweeps about each other, to rounding, and central
// differences ask both about the function itself.
#pragma once
#include <string>

#include "autograd/graph/gradient.h"

namespace scoregrad {

struct GradcheckOptions {
  int order = 2;         ///< 1: the derivative; 2: also the derivative of the gradient
  int directions = 2;    ///< random directions for each input
  double step = 0;       ///< of the differences, relative to an input's largest element; 0: eps^(1/3) of the element type
  double tolerance = 0;  ///< relative, for differences; 0: 1e-6 in float64, 2e-2 in float32
};

struct GradcheckReport {
  bool passed = true;
  double worst_rounding = 0;    ///< largest relative disagreement between sweeps
  double worst_difference = 0;  ///< largest relative disagreement with central differences
  std::string text;             ///< a line for each disagreement: input, direction, numbers
  explicit operator bool() const { return passed; }
};

/// Checks f at xs (floating inputs of one type; int64 and bool inputs are passed as they are). Order 1: <u, J v> = <J'u, v>, and both equal
/// the central difference. Order 2: H = d(J'u)/dx by reverse over reverse, forward over reverse and reverse over forward agree with each
/// other and with differences of J'u, and J'u is linear in u with derivative J. Directions are the same in every run.
GradcheckReport gradcheck(const Functions& f, const Tensors& xs, const GradcheckOptions& options = {}, Where at = Where::here());

}  // namespace scoregrad
