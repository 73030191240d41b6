#include "autograd/compile/watch.h"

namespace scoregrad {
namespace {

thread_local LoopWatch* innermost = nullptr;

}  // namespace

LoopWatch::LoopWatch() : outer_(innermost) { innermost = this; }
LoopWatch::~LoopWatch() { innermost = outer_; }

void LoopWatch::ended(int64_t replayed, const std::string& refusal) {
  for (LoopWatch* w = innermost; w; w = w->outer_) {
    w->replayed_ += replayed;
    if (!refusal.empty()) w->refusal_ = refusal;
  }
}

}  // namespace scoregrad
