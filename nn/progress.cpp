#include "nn/progress.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace scoregrad::nn {

ProgressBar::ProgressBar(std::string title) : title_(std::move(title)), visible_(isatty(STDERR_FILENO) == 1), start_(Clock::now()) {
  next_ = start_;
}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputc('\n', stderr);
}

std::string ProgressBar::line(double fraction, double seconds, const std::string& note) const {
  constexpr int width = 24;
  const int full = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  std::string text = fmt::format("{} [{}{}] {:3.0f} %", title_, std::string(static_cast<size_t>(full), '#'),
                                 std::string(static_cast<size_t>(width - full), '.'), 100 * fraction);
  const double done = fraction - std::max(0.0, from_), left = done > 0 ? seconds * (1 - fraction) / done : 0;
  if (done > 0 && fraction < 1) text += fmt::format("  {}:{:02} left", static_cast<int64_t>(left) / 60, static_cast<int64_t>(left) % 60);
  return note.empty() ? text : text + "  " + note;
}

bool ProgressBar::operator()(double fraction, const std::string& note) {
  if (from_ < 0) from_ = fraction;
  const Clock::time_point now = Clock::now();
  if (!visible_ || (now < next_ && fraction < 1)) return true;
  next_ = now + std::chrono::milliseconds(100);
  const std::string text = line(fraction, std::chrono::duration<double>(now - start_).count(), note);
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());  // and clears what an older, longer line left
  std::fflush(stderr);
  drawn_ = true;
  return true;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
  next_ = Clock::now();
}

namespace {
volatile sig_atomic_t caught = 0;
void note_signal(int) { caught = 1; }
}  // namespace

struct Interrupt::Before {
  struct sigaction interrupt, terminate;
};

Interrupt::Interrupt() : before_(new Before) {
  caught = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &before_->interrupt);
  sigaction(SIGTERM, &action, &before_->terminate);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &before_->interrupt, nullptr);
  sigaction(SIGTERM, &before_->terminate, nullptr);
}

bool Interrupt::requested() const { return caught != 0; }

}  // namespace scoregrad::nn
