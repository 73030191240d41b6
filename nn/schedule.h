// Rates that change with the number of steps taken. A schedule is computed from a counter that lives with the parameters, so that a
// recorded step holds no host number that would go stale.
#pragma once
#include <concepts>
#include <functional>

#include "autograd/ops/ops.h"

namespace scoregrad::nn {

/// A number as a function of the steps taken so far: 0-d float64 -> 0-d float64, by ops alone.
using Schedule = std::function<Tensor(const Tensor& steps)>;

namespace schedule {

/// rate.   These throw Error for numbers that are negative or not finite, and for no steps.
Schedule constant(double rate, Where at = Where::here());
/// rate factor^floor(steps / every)
Schedule step(double rate, int64_t every, double factor = 0.1, Where at = Where::here());
/// Half a cosine from `rate` down to `last`:  last + (rate - last) (1 + cos(pi min(1, steps / length))) / 2   (Loshchilov & Hutter 2017)
Schedule cosine(double rate, int64_t length, double last = 0, Where at = Where::here());
/// min(1, (steps + 1) / length) after(steps): the first step is taken at 1 / length of the full rate.
Schedule warm_up(int64_t length, Schedule after, Where at = Where::here());
/// first(steps) before step `length`, then second(steps - length).
Schedule chain(Schedule first, int64_t length, Schedule second, Where at = Where::here());

}  // namespace schedule

/// What an optimiser takes as its rate: a number, or a schedule of its own steps.
struct Rate {
  Rate(double number) : value(number) {}
  template <std::convertible_to<Schedule> F>
  Rate(F f) : follow(std::move(f)) {}
  double value = 0;
  Schedule follow;  ///< empty: the number
};

}  // namespace scoregrad::nn
