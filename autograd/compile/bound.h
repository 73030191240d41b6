// A recorded call with its operands as the backend takes them.
#pragma once
#include <functional>

#include "autograd/compile/call.h"

namespace scoregrad::compiled {

struct Bound {
  const Call* call;
  Shape shape = {};     // what an elementwise call or a program's reduction iterates over
  uint64_t offset = 0;  // random: elements drawn before
  Program program = {};
  std::vector<Access> in_access = {}, out_access = {};
  std::vector<View> in = {}, out = {};

  /// Each operand's address is left to `point(address, place)`. The call must outlive what is bound to it.
  Bound(const Call& c, const std::function<void(void*&, const Place&)>& point);
  /// Makes the call.
  void operator()() const;
};

}  // namespace scoregrad::compiled
