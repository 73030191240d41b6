// The way a sampler takes through a noise schedule: which schedule, and at which times.
#pragma once
#include <algorithm>
#include <functional>

#include "distributions/distribution.h"
#include "samplers/sampling.h"
#include "samplers/schedule.h"

namespace scoregrad::samplers {

/// A schedule at one time:  x_t = alpha x + sigma eps,  dx = drift x dt + sqrt(diffusion2) dw.
struct Stage {
  double time = 0, alpha = 1, sigma = 0, drift = 0, diffusion2 = 0;
};

/// A schedule of any type and the times to step through: falling to sample, rising to encode. Scores are asked for at these times.
struct Course {
  std::function<Stage(double time)> at;
  std::vector<double> times;

  int64_t steps() const { return static_cast<int64_t>(times.size()) - 1; }
  /// How many steps lie behind step `first`.
  int64_t steps_from(int64_t first) const { return std::max<int64_t>(0, steps() - first); }
  Stage stage(int64_t i) const { return at(times.at(static_cast<size_t>(i))); }
  /// Throws Error unless the times are finite, at least two and strictly in order (`falling`: only so), and the schedule has an alpha above
  /// 0, a sigma and a diffusion of at least 0 at each of them; `dividing`: a sigma above 0 where each step begins.
  void check(const char* op, bool falling, bool dividing, Where at) const;
  /// The same course in the other direction.
  Course reversed() const { return {at, {times.rbegin(), times.rend()}}; }
};

/// Through the given times; at least two, finite and strictly in order.
template <NoiseSchedule S>
Course course(const S& schedule, std::vector<double> times, Where at = Where::here()) {
  Course made{[schedule](double t) {
                return Stage{t, schedule.alpha(t), schedule.sigma(t), schedule.drift(t), schedule.diffusion2(t)};
              },
              std::move(times)};
  made.check("course", false, false, at);
  return made;
}
/// From noise to data, s.stop() to s.start(), in steps of equal time.
template <NoiseSchedule S>
Course course(const S& schedule, int64_t steps, Where at = Where::here()) {
  check_steps("course", steps, at);
  std::vector<double> times;
  for (int64_t i = 0; i <= steps; ++i) {
    const double way = static_cast<double>(i) / static_cast<double>(steps);
    times.push_back(schedule.stop() + way * (schedule.start() - schedule.stop()));
  }
  return course(schedule, std::move(times), at);
}
/// The same in steps that divide sigma/alpha by equal factors: what higher-order solvers want.
template <NoiseSchedule S>
Course geometric_course(const S& schedule, int64_t steps, Where at = Where::here()) {
  check_steps("geometric_course", steps, at);
  const auto ratio = [&](double t) { return schedule.sigma(t) / schedule.alpha(t); };
  std::vector<double> times;
  for (double level : geometric_ladder(ratio(schedule.stop()), ratio(schedule.start()), static_cast<int>(steps + 1), at))
    times.push_back(schedule.time_at(level));
  return course(schedule, std::move(times), at);
}

/// The score of any distribution under a schedule, law.noised(alpha(t), sigma(t)).score(x).
template <distributions::Distribution Law, NoiseSchedule S>
NoisyScore exact_score(const Law& law, const S& schedule) {
  return [law, schedule](const Tensor& x, const Tensor& t) { return law.noised(schedule.alpha(t), schedule.sigma(t)).score(x); };
}

/// The mean of the data given x_t, by Tweedie's formula:  (x + sigma^2 s) / alpha.
inline Tensor denoised(const Tensor& x, const Tensor& score, const Stage& stage) {
  return (x + stage.sigma * stage.sigma * score) / stage.alpha;
}

}  // namespace scoregrad::samplers
