// A recorded call with its operands as the backend takes them.
#pragma once
#include <functional>

#include "autograd/compile/call.h"

namespace scoregrad::compiled {

struct Bound {
  AnyCall what;
  const Backend* backend;
  Where at;
  Shape shape = {};  // what a program runs over
  std::vector<Access> in_access = {}, out_access = {};

  /// Each operand's address is left to `point(address, place)`, what the call reads first. The call must outlive what is bound to it.
  Bound(const Call& c, const std::function<void(void*&, const Place&)>& point);
  Bound(const Bound&) = delete;  // addresses point into it
  Bound& operator=(const Bound&) = delete;
  /// Makes the call.
  void operator()() const {
    std::visit([this](const auto& c) { backend->call(at, c); }, what);
  }
};

}  // namespace scoregrad::compiled
