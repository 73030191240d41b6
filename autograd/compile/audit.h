// Whether a step that is replayed is still the step that was recorded.
#pragma once
#include <string>

#include "autograd/compile/recording.h"

namespace scoregrad::compiled {

/// The record that a replay stands for, what later records differ in, and how many calls nobody has looked at since.
class Audit {
 public:
  explicit Audit(Sequence first) : first_(std::move(first)) {}
  const Sequence& record() const { return first_; }

  /// Why a step that was recorded again cannot be replayed, or is not this one; empty if it is.
  std::string objection(const Recorded& again) const {
    if (!again.refusal.empty()) return again.refusal;
    const std::string d = difference(first_, again.sequence);
    return d.empty() ? d : "two recordings of the step differ at " + d;
  }
  /// True if the next call is one of 1, 2, 4, 8, .. after the first record.
  bool due() const { return (calls_ & (calls_ + 1)) == 0; }
  /// A call was replayed, and nobody saw what it would have been.
  void replayed() { ++calls_; }
  /// A call was recorded again without an objection.
  void recorded() { seen_ = ++calls_; }
  /// All calls up to now are seen, by a record that was no call.
  void looked() { seen_ = calls_; }
  bool unseen() const { return calls_ > seen_; }

 private:
  Sequence first_;
  int64_t calls_ = 0, seen_ = 0;  // since the first record
};

}  // namespace scoregrad::compiled
