// What this thread is doing: recording or not, on behalf of which line, watched by whom.
#pragma once
#include "autograd/backend/caller.h"

namespace scoregrad {

class Observer;

struct Mode {
  bool recording = true;
  Observer* observer = nullptr;  // innermost watcher: autograd/graph/observer.h
};
inline constinit thread_local Mode mode;

/// Switches recording for a scope.
class RecordingScope {
 public:
  explicit RecordingScope(bool on) : before_(mode.recording) { mode.recording = on; }
  ~RecordingScope() { mode.recording = before_; }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  bool before_;
};
/// While alive, ops on this thread leave no graph.
struct NoGrad : RecordingScope {
  NoGrad() : RecordingScope(false) {}
};

/// While alive, nodes and errors on this thread name `at` as their line.
class LineScope {
 public:
  explicit LineScope(Where at) : before_(caller_line) { caller_line = at; }
  ~LineScope() { caller_line = before_; }
  LineScope(const LineScope&) = delete;
  LineScope& operator=(const LineScope&) = delete;

 private:
  Where before_;
};

/// While alive, functions of the user's run on behalf of the line `at`: see function_line.
class FunctionScope {
 public:
  explicit FunctionScope(Where at) : before_(function_line) { function_line = at; }
  ~FunctionScope() { function_line = before_; }
  FunctionScope(const FunctionScope&) = delete;
  FunctionScope& operator=(const FunctionScope&) = delete;

 private:
  Where before_;
};

/// While alive, what a composition computes names its caller's line `at`, and `op` if given; inside a rule or another composition the outer
/// one's stand.
class CallerScope : LineScope {
 public:
  explicit CallerScope(Where at, const char* op = nullptr) : LineScope(caller_line ? caller_line : at), before_(caller_op) {
    if (!caller_op) caller_op = op;
  }
  ~CallerScope() { caller_op = before_; }

 private:
  const char* before_;
};

}  // namespace scoregrad
