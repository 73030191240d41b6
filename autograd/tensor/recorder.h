// Who watches this thread's tensors while a step is recorded. Nothing but a null pointer otherwise; autograd/compile fills it.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad {

struct Storage;

class Recorder {
 public:
  /// The table that takes a device's calls while recording.
  virtual const Backend& table(Device device) = 0;
  virtual void born(const Storage& s, Where at) = 0;
  virtual void died(const Storage& s) noexcept = 0;
  /// The storage's address is about to be handed to a call.
  virtual void seen(Storage& s) = 0;

 protected:
  ~Recorder() = default;
};
inline constinit thread_local Recorder* recorder = nullptr;

/// What runs in this scope is computed for the second time, as a checkpoint does to save memory: a recorded step must not take the first
/// time's results for it.
class RecomputationScope {
 public:
  RecomputationScope() : before_(region) { region = ++newest; }
  ~RecomputationScope() { region = before_; }
  RecomputationScope(const RecomputationScope&) = delete;
  RecomputationScope& operator=(const RecomputationScope&) = delete;

  static inline constinit thread_local int region = 0, newest = 0;

 private:
  int before_;
};

}  // namespace scoregrad
