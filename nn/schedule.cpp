#include "nn/schedule.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace scoregrad::nn::schedule {
namespace {

double positive(Where at, const char* who, int64_t steps) {
  if (steps < 1) throw Error(at, fmt::format("schedule::{}: {} steps, but at least one is needed", who, steps));
  return static_cast<double>(steps);
}
void check_number(Where at, const char* who, const char* what, double value) {
  if (!(value >= 0) || !std::isfinite(value))
    throw Error(at, fmt::format("schedule::{}: {} {} is not a number of at least 0", who, what, value));
}
void check_callable(Where at, const char* who, const Schedule& s) {
  if (!s) throw Error(at, fmt::format("schedule::{}: an empty schedule", who));
}

}  // namespace

Schedule constant(double rate, Where at) {
  check_number(at, "constant", "rate", rate);
  return [=](const Tensor& steps) { return full(steps.shape(), rate, like(steps)); };
}

Schedule step(double rate, int64_t every, double factor, Where at) {
  const double length = positive(at, "step", every);
  check_number(at, "step", "rate", rate);
  check_number(at, "step", "factor", factor);
  return [=](const Tensor& steps) { return rate * pow(factor, floor(steps / length)); };
}

Schedule cosine(double rate, int64_t length, double last, Where at) {
  const double n = positive(at, "cosine", length);
  check_number(at, "cosine", "rate", rate);
  check_number(at, "cosine", "last", last);
  return [=](const Tensor& steps) { return last + (rate - last) * 0.5 * (1 + cos(std::numbers::pi * minimum(steps / n, 1))); };
}

Schedule warm_up(int64_t length, Schedule after, Where at) {
  const double n = positive(at, "warm_up", length);
  check_callable(at, "warm_up", after);
  return [n, after = std::move(after)](const Tensor& steps) { return minimum((steps + 1) / n, 1) * after(steps); };
}

Schedule chain(Schedule first, int64_t length, Schedule second, Where at) {
  const double n = positive(at, "chain", length);
  check_callable(at, "chain", first);
  check_callable(at, "chain", second);
  return [n, first = std::move(first), second = std::move(second)](const Tensor& steps) {
    return where(steps < n, first(steps), second(steps - n));
  };
}

}  // namespace scoregrad::nn::schedule
