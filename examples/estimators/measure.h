// Problems where C2 and its gradient are known, and what an estimator makes of them.
#pragma once
#include "examples/experiment/experiment.h"
#include "losses/c2_estimators.h"

namespace scoregrad::estimators {

/// A population whose law is stretched by e^stretch about the origin, at stretch 0; C2 and dC2/dstretch are exact.
struct Problem {
  std::string name;
  Tensor stretch;
  losses::Population p;
  losses::ConditionalScore exact;  ///< s*, held fixed as a function
  double c2 = 0, slope = 0;
  double sigma = 0, largest_variance = 1;
  int64_t d = 1;
  bool mixture = false;
};
Problem gaussian(int64_t d, double sigma, Options options);
Problem mixture(int64_t d, double sigma, Options options);  ///< two components, d 1 or 2
Problem encoder(int64_t points, double sigma,
                Options options);  ///< points in the plane, seen through one noisy number; stretch is its gain

/// One way to estimate.
struct Method {
  std::string name;
  losses::C2Estimator estimator;
  double others = 0;      ///< further x a row, on average
  bool unbiased = false;  ///< without bias, and with finite variance ...
  bool steady = true;     ///< ... of the gradient too
};
std::vector<Method> methods(const Problem& problem);

/// Bias and standard error, and the variance of one row, for the value and for the gradient.
struct Moments {
  double bias = 0, error = 0, variance = 0;
};
struct Measured {
  Moments value, slope;
  double microseconds = 0;  ///< of CPU time a row, with its gradient
};
Measured measure(const Problem& problem, const Method& method, int64_t rows, const Key& key);

}  // namespace scoregrad::estimators
