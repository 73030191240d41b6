// Runs a piece of a test once for every instruction set that this machine has.
#pragma once
#include <cstdint>

#include "scoregrad/config.h"
#if SCOREGRAD_HAVE_HIGHWAY
#include <hwy/highway.h>
#endif

namespace scoregrad::testing {

/// Calls f(name) with the dispatcher held to each instruction set in turn; sets that the library was not compiled for run as scalar code.
template <class F>
void for_each_target(F&& f) {
#if SCOREGRAD_HAVE_HIGHWAY
  auto hold = [](int64_t mask) {
    hwy::SetSupportedTargetsForTest(mask);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  };
  struct Restore {
    decltype(hold)& set;
    ~Restore() { set(0); }
  } restore{hold};
  const int64_t all = hwy::SupportedTargets() | HWY_SCALAR;
  for (int64_t rest = all; rest != 0; rest &= rest - 1) {
    hold(rest & -rest);
    f(hwy::TargetName(rest & -rest));
  }
#else
  f("plain");
#endif
}

}  // namespace scoregrad::testing
