// Minima, roots and integrals of functions whose derivatives the library gives.
#pragma once
#include <functional>
#include <vector>

#include "autograd/graph/gradient.h"

namespace conformance {

/// df/dx of a scalar function.
double slope(const scoregrad::Function& f, double x);
/// The zero of f between a and b, where f has different signs (Ridders' method, to rounding).
double root(const std::function<double(double)>& f, double a, double b);
/// Where f is smallest, of the ends and the zeros of its slope between neighbouring points; the ends are only evaluated.
double argmin(const scoregrad::Function& f, const std::vector<double>& points);
/// Points for argmin: from 0 over many decades, and evenly over [a, b].
std::vector<double> half_line();
std::vector<double> interval(double a, double b, int count = 40);
/// A minimum of f near x, by damped Newton steps.   x [n]
scoregrad::Tensor minimise(const scoregrad::Function& f, scoregrad::Tensor x);
/// The integral of f over (a, infinity), or over (a, b); f may have integrable ends (double-exponential substitution).
double integral_from(double a, const std::function<double(double)>& f);
double integral(double a, double b, const std::function<double(double)>& f);

}  // namespace conformance
