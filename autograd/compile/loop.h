// How the library's own loops compile a step that calls functions they were given: `train`, the samplers, Monte-Carlo estimates.
#pragma once
#include <memory>

#include "autograd/compile/recording.h"

namespace scoregrad {

struct LoopOptions {
  bool enabled = true;  ///< off: every step is eager
};
/// Off where `wanted` or the switch is off, and for loops too short to gain.
LoopOptions for_loop(int64_t steps, bool wanted = true);
/// The switch of all these loops, on unless the environment says SCOREGRAD_COMPILE=off. (SCOREGRAD_COMPILE=log writes a line to stderr
/// where a loop stays eager because its step cannot be recorded.)
void set_compile_by_default(bool on);
bool compile_by_default();

/// A step of whatever kind. Calls 1, 2, 3, 5, 9, 17, .. on arguments of one layout are made and recorded, and so is the last one if the
/// loop asks for it; where a replay cuts matrix products into other tiles, what they wrote is undone and their record replayed, so that
/// every step has the same arithmetic wherever a run begins or goes on. All other calls are replays. A call that cannot be recorded, or is
/// not like the ones before, turns all further ones eager: nothing is lost and nothing done twice. Only where calls went unseen since the
/// last comparison it throws Error, since they may have been wrong. compile() is for whoever wants to know what cannot be replayed.
class CompiledLoop {
 public:
  explicit CompiledLoop(compiled::Step f, LoopOptions options = {});
  ~CompiledLoop();
  CompiledLoop(CompiledLoop&&) noexcept;
  CompiledLoop& operator=(CompiledLoop&&) noexcept;

  Tensors operator()(const Tensors& arguments, Where at = Where::here());
  /// The next call is recorded and compared whatever its number: what follows from its result is not to be wrong unseen.
  void audit_next();
  /// Where calls went unseen, the step is called and compared now, and what it writes undone; throws Error if it has become another step.
  void audit(const Tensors& arguments, Where at = Where::here());
  /// True if such arguments have a replay.
  bool replays(const Tensors& arguments) const;
  /// The list of calls of the step that was replayed or recorded last; throws Error before the first record.
  std::string show(Pass stage, Where at = Where::here()) const;
  /// Steps whose results are those of a replay.
  int64_t replayed() const;
  /// Why the loop has turned eager; empty if it has not.
  const std::string& refusal() const;
  /// Bytes that its replays hold between calls.
  int64_t held_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace scoregrad
