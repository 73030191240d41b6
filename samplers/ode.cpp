#include "samplers/ode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace scoregrad::samplers {
namespace {

constexpr int stages = 7;
constexpr std::array<double, stages> node = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr double weight[stages][stages - 1] = {
    {},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},  // also the solution of order 5
};
// The solution of order 5 less the one of order 4.
constexpr std::array<double, stages> difference = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

// The largest entry of |x| / (absolute + relative |y|).
Tensor scaled(const Tensor& x, const Tensor& y, const Ode& ode) {
  const NoGrad guard;
  return max(abs(x) / (ode.absolute + ode.relative * abs(y)));
}

}  // namespace

Integrator::Integrator(Slope slope, const Ode& ode, LoopOptions compile, Where at)
    : slope_(std::move(slope)), ode_(ode), at_(at), step_([this](const Tensors& in) { return one_step(in); }, compile) {
  const bool tolerance =
      ode.relative >= 0 && ode.absolute >= 0 && ode.relative + ode.absolute > 0 && std::isfinite(ode.relative + ode.absolute);
  if (ode.method == Method::dormand_prince && (!tolerance || ode.most < 1))
    throw Error(at, fmt::format("dormand_prince: tolerances {} (relative) and {} (absolute) in at most {} steps", ode.relative,
                                ode.absolute, ode.most));
}

// The slope's numbers at several times.   [times, k]
Tensor Integrator::numbers(const std::vector<double>& times, const Tensor& y) const {
  std::vector<double> all;
  for (double t : times) {
    const std::vector<double> some = slope_.numbers(t);
    all.insert(all.end(), some.begin(), some.end());
  }
  const auto n = static_cast<int64_t>(times.size());
  return from(all, {n, static_cast<int64_t>(all.size()) / n}, like(y), at_);
}

// One step as a function of tensors: y, the slope's numbers, the method's coefficients times h and, of dormand_prince, the first slope. It
// returns the next y, and of dormand_prince the last slope and the error by the tolerance.
Tensors Integrator::one_step(const Tensors& in) const {
  const Tensor& y = in[0];
  const auto slope = [&](int64_t stage, const Tensor& at) { return slope_.f(select(in[1], 0, stage), at); };
  const auto c = [&](int64_t i) { return select(in[2], 0, i); };
  if (ode_.method != Method::dormand_prince) {
    const Tensor k = slope(0, y);
    if (ode_.method == Method::euler) return {y + c(0) * k};
    return {y + c(1) * (k + slope(1, y + c(0) * k))};
  }
  std::array<Tensor, stages> k = {in[3]};
  Tensor next;
  int64_t coefficient = 1;
  for (size_t i = 1; i < stages; ++i) {
    next = y;
    for (size_t j = 0; j < i; ++j)
      if (weight[i][j] != 0) next = next + c(coefficient++) * k[j];
    k[i] = slope(static_cast<int64_t>(i) - 1, next);
  }
  const NoGrad guard;
  Tensor e = difference[0] * k[0];
  for (size_t i = 2; i < stages; ++i) e = e + difference[i] * k[i];
  return {next, k[stages - 1], scaled(c(0) * e, maximum(abs(y), abs(next)), ode_)};
}

Tensor Integrator::operator()(const Tensor& y, double from, double to, const std::function<bool()>& go, bool last) {
  const double h = to - from;
  if (!std::isfinite(h)) throw Error(at_, fmt::format("an integration from time {} to {}", from, to));
  if (h == 0 || y.numel() == 0) return y;
  if (ode_.method == Method::dormand_prince) return adaptive(y, from, to, go, last);
  ++accepted_;
  if (last) step_.audit_next();
  const bool euler = ode_.method == Method::euler;
  evaluations_ += euler ? 1 : 2;
  const std::vector<double> times = euler ? std::vector<double>{from} : std::vector<double>{from, to};
  return step_({y, numbers(times, y), scoregrad::from({h, 0.5 * h}, like(y), at_)}, at_)[0];
}

Tensor Integrator::adaptive(Tensor y, double from, double to, const std::function<bool()>& go, bool last) {
  const double sign = to > from ? 1 : -1, length = std::abs(to - from);
  Tensor first = slope_.f(select(numbers({from}, y), 0, 0), y);
  ++evaluations_;
  if (size_ == 0) {
    const double slope = scaled(first, y, ode_).item();
    size_ = slope > 0 ? 0.01 * std::max(1.0, scaled(y, y, ode_).item()) / slope : length;
  }
  double done = 0;
  for (int64_t step = 0; done < length; ++step) {
    if (!go()) return {};
    const double h = std::min(size_, length - done), t = from + sign * done;
    if (step >= ode_.most || !(t + sign * h != t))
      throw Error(at_, fmt::format("dormand_prince: no tolerable step at time {} after {}; is the slope finite there?", t, step));
    std::vector<double> times, coefficients{h};
    for (size_t i = 1; i < stages; ++i) {
      for (size_t j = 0; j < i; ++j)
        if (weight[i][j] != 0) coefficients.push_back(sign * h * weight[i][j]);
      // The last two stages stand at the end, exactly: a slope may not exist beyond it.
      times.push_back(node[i] == 1 && h == length - done ? to : t + sign * h * node[i]);
    }
    evaluations_ += stages - 1;
    if (last && h == length - done) step_.audit_next();
    const Tensors next = step_({y, numbers(times, y), scoregrad::from(coefficients, like(y), at_), first}, at_);
    const double error = next[2].item();
    if (error <= 1) {
      done = h == length - done ? length : done + h;
      y = next[0];
      first = next[1];
      ++accepted_;
    } else {
      ++rejected_;
    }
    // A short last step says little about how long the next one may be.
    const double factor = std::isfinite(error) ? std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.2, 5.0) : 0.2;
    if (h == size_ || factor < 1) size_ = h * factor;
  }
  return y;
}

}  // namespace scoregrad::samplers
