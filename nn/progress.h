// What a long computation owes to whoever waits for it: a line that says how far it is, and an end when asked for.
#pragma once
#include <chrono>
#include <memory>
#include <string>

namespace scoregrad::nn {

/// A line on stderr with a bar, the time left and a note, drawn ten times a second at most; nothing where stderr is no terminal. Fits
/// wherever a function bool(double) reports progress:  {.progress = std::ref(bar)}.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Draws the fraction done, 0 .. 1; true: go on.
  bool operator()(double fraction, const std::string& note = "");
  /// Takes the line away until the next call, so that something else can be printed.
  void clear();
  /// The line as it would be drawn, `seconds` after the beginning.
  std::string line(double fraction, double seconds, const std::string& note = "") const;

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  bool visible_, drawn_ = false;
  double from_ = -1;  // the first fraction seen: a resumed run does not begin at 0
  Clock::time_point start_, next_;
};

/// While alive, the first SIGINT (Ctrl-C) or SIGTERM is noted instead of ending the program; a second one ends it.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  bool requested() const;

 private:
  struct Before;
  std::unique_ptr<Before> before_;
};

}  // namespace scoregrad::nn
