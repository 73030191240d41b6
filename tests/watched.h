// What a loop of the library's own returns, beside what it tells of its steps.
#pragma once
#include "autograd/compile/watch.h"

namespace scoregrad {

template <class Result>
struct Watched {
  Result found;
  int64_t replayed;
  std::string refusal;
};
template <class F>
auto watched(const F& f) -> Watched<decltype(f())> {
  const LoopWatch watch;
  auto found = f();
  return {std::move(found), watch.replayed(), watch.refusal()};
}

}  // namespace scoregrad
