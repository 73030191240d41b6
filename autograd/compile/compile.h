// compile(f): a step that is recorded twice, made cheaper and replayed. The same arithmetic without the graph and
// the detours.
#pragma once
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>

#include "autograd/compile/recording.h"

namespace scoregrad {

struct CompileOptions {
  int64_t audit_every = 0;                      ///< every so many steps one is recorded again and compared; 0: never
  bool enabled = true;                          ///< off: every step is eager
  OneLaunch launch = OneLaunch::where_it_pays;  ///< on a GPU: whether all calls are one launch
};

/// A step from tensors to tensors that may read and write tensors it has captured. The first call on arguments of one layout is eager, the
/// next two are recorded and compared, all others replay the record; all of them do the step's work once. Throws Error where the two
/// records differ (a number of the host that changed, another branch), where the step reads a value on the host, or leaves a new tensor
/// behind that it does not return. What a replay cannot see: a branch of the host taken by what the records did not show, and a captured
/// handle that was assigned another tensor.
class CompiledStep {
 public:
  explicit CompiledStep(compiled::Step f, CompileOptions options = {});
  ~CompiledStep();
  CompiledStep(CompiledStep&&) noexcept;
  CompiledStep& operator=(CompiledStep&&) noexcept;

  Tensors operator()(const Tensors& arguments, Where at = Where::here());
  /// True if the next call on such arguments is a replay.
  bool replays(const Tensors& arguments) const;
  /// How the next call on such arguments runs: "eager", "recorded", "one launch", or "call by call: " and why it is not one launch.
  std::string mode(const Tensors& arguments) const;
  /// The list of calls of the step that was replayed or recorded last; throws Error before the second record.
  std::string show(Pass stage, Where at = Where::here()) const;
  /// Steps whose results are those of a replay.
  int64_t replayed() const;
  /// Bytes that its replays hold between calls.
  int64_t held_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The compiled form of f, which takes any number of tensors and returns a Tensor, Tensors or nothing.
template <class F>
class Compiled {
 public:
  Compiled(F f, CompileOptions options, Where at) : f_(std::make_unique<F>(std::move(f))), options_(options), at_(at) {}

  template <class... T>
  auto operator()(const T&... arguments) {
    using Result = std::invoke_result_t<F&, const T&...>;
    if (!step_)
      step_.emplace([f = f_.get()](const Tensors& xs) { return call<Result>(*f, xs, std::index_sequence_for<T...>()); }, options_);
    Tensors results = (*step_)(Tensors{arguments...}, at_);
    if constexpr (std::is_same_v<Result, Tensor>)
      return std::move(results[0]);
    else if constexpr (!std::is_void_v<Result>)
      return results;
  }
  /// The step behind it, once it was called.
  const CompiledStep& step() const { return *step_; }

 private:
  template <class Result, size_t... I>
  static Tensors call(F& f, const Tensors& xs, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<Result>) {
      f(xs[I]...);
      return {};
    } else if constexpr (std::is_same_v<Result, Tensor>) {
      return {f(xs[I]...)};
    } else {
      return f(xs[I]...);
    }
  }
  std::unique_ptr<F> f_;
  CompileOptions options_;
  Where at_;  // of compile(f): behind a pack of arguments the call has no line
  std::optional<CompiledStep> step_;
};

/// auto step = compile(f):  the results of f, faster from the fourth call on; see CompiledStep. They have its bits unless the step makes
/// products of matrices in blocks of rows. Then a row is summed in the same pieces, but the kernel that sums it may be another one, since
/// that follows from the number of rows too: such products, and what follows from them, may differ within 4 K eps.
template <class F>
Compiled<F> compile(F f, CompileOptions options = {}, Where at = Where::here()) {
  return {std::move(f), options, at};
}

}  // namespace scoregrad
