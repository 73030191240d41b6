#include "samplers/course.h"

#include <fmt/format.h>

#include <cmath>

namespace scoregrad::samplers {

void Course::check(const char* op, bool falling, bool dividing, Where where) const {
  const auto refuse = [&](const std::string& why) { throw Error(where, fmt::format("{}: {}", op, why)); };
  if (times.size() < 2) refuse("fewer than two times");
  for (size_t i = 0; i < times.size(); ++i) {
    const double t = times[i];
    if (!std::isfinite(t)) refuse(fmt::format("time {} is {}", i, t));
    if (i > 0 && falling && !(t < times[i - 1]))
      refuse(fmt::format("time {} follows {}; noise is taken away in falling order", t, times[i - 1]));
    if (i > 0 && (t == times[i - 1] || (t < times[i - 1]) != (times[1] < times[0])))
      refuse(fmt::format("time {} follows {}; times fall or rise all the way", t, times[i - 1]));
    const Stage s = at(t);
    if (!(s.alpha > 0) || !(s.sigma >= 0) || !(s.diffusion2 >= 0) || !std::isfinite(s.alpha + s.sigma + s.drift + s.diffusion2))
      refuse(fmt::format("at time {} the schedule has alpha {}, sigma {}, drift {} and diffusion {}", t, s.alpha, s.sigma, s.drift,
                         s.diffusion2));
    if (dividing && i + 1 < times.size() && s.sigma == 0)
      refuse(fmt::format("a step begins at time {}, where sigma is 0 and no score is defined; begin a little later", t));
  }
}

}  // namespace scoregrad::samplers
