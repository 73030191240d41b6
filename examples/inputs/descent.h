// Descent on something other than the network's weights, under one loss or another, and what is recorded of it.
#pragma once
#include "examples/experiment/experiment.h"
#include "losses/c2_estimators.h"

namespace scoregrad::inputs {

/// What can be minimised: the mean of a batch's loss; `prepare` is called before each step (a critic learns there).
struct Objective {
  std::string name;
  std::function<Tensor(const Key&)> loss;
  std::function<void(const Key&)> prepare = {};
};

struct Course {
  std::vector<double> step, measured;  ///< `measure` after each step
  double final = 0;                    ///< mean of the last fifth
  double milliseconds = 0;             ///< of CPU time a step
  /// The first step at which the measure was above `bound`; the last if none was.
  double first_above(double bound) const;
};
/// Plain gradient descent: parameters written in place; `measure` is what is followed, infinite once the descent has diverged.
Course descend(const Objective& objective, const Tensors& parameters, double rate, int64_t steps, const std::function<double()>& measure,
               const Key& key);

/// Gradient of an objective at the present parameters, averaged over batches, as one vector.
std::vector<double> gradient(const Objective& objective, const Tensors& parameters, int batches, const Key& key);
double cosine(const std::vector<double>& a, const std::vector<double>& b);

/// One problem: objectives on it all start from the same parameters.
struct Problem {
  Tensors parameters;
  std::function<std::vector<Objective>()> objectives;  ///< made anew, critics included
  std::vector<double> esm_gradient;                    ///< at the start, exact
  std::function<double()> distance;                    ///< from ESM's optimum
  std::function<double()> score_norm;                  ///< C2 a dimension
};
/// x ~ N(mean, diag(deviation^2)) in d dimensions under the frozen score -0.8 (x - 1) at sigma 0.5: ESM's optimum is N(1, I).
Problem input_law(int64_t d, Options options);
/// c = gain x + 0.5 eta of x ~ N(0, I) in d dimensions under the fixed score -0.6 x_t + 0.4 c at sigma 0.7.
Problem encoder(int64_t d, Options options);
double encoder_optimum(Options options);  ///< of ESM's gain, by bisection of the closed form

}  // namespace scoregrad::inputs
