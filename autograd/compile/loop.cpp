#include "autograd/compile/loop.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <utility>

#include "autograd/backend/environment.h"
#include "autograd/compile/audit.h"
#include "autograd/compile/layout.h"
#include "autograd/compile/passes.h"
#include "autograd/compile/replay.h"
#include "autograd/compile/watch.h"
#include "autograd/graph/mode.h"

namespace scoregrad {
namespace {

constexpr size_t most_layouts = 32;
constexpr int64_t shortest_loop = 64;  // steps: in fewer, what is recorded costs more than replays save

struct Switches {
  std::atomic<bool> on;
  bool log;
};
Switches& switches() {
  static Switches s = [] {
    const std::string word = environment_choice("SCOREGRAD_COMPILE");
    return Switches{word != "off", word == "log"};
  }();
  return s;
}

// The life of one layout: recorded, then replayed and now and then recorded again, or eager.
struct Compilation {
  int64_t refused = 0;
  std::unique_ptr<compiled::Audit> audit = {};
  std::unique_ptr<compiled::Replay> replay = {};
  bool eager = false;
  bool unseen() const { return audit && audit->unseen(); }
};

// True if a replay cuts a product of matrices into other tiles than an eager call does.
bool cuts_products(const compiled::Sequence& planned) {
  for (size_t i = 0; i < planned.calls.size(); ++i)
    if (compiled::is<calls::Matmul>(planned.calls[i]) && compiled::band_of(planned, i) != compiled::none) return true;
  return false;
}

[[noreturn]] void throw_unseen(const std::string& why, Where at) {
  throw Error(at, fmt::format("compile: a step that was replayed was recorded again and is another one now: {}. What changed in between "
                              "went unseen. Keep in tensors what changes, or say compile = false for this loop",
                              why));
}

}  // namespace

LoopOptions for_loop(int64_t steps, bool wanted) { return {wanted && switches().on && steps >= shortest_loop}; }
void set_compile_by_default(bool on) { switches().on = on; }
bool compile_by_default() { return switches().on; }

struct CompiledLoop::State {
  compiled::Step f;
  LoopOptions options;
  compiled::ByLayout<Compilation> compilations{most_layouts};
  int64_t replayed = 0;
  std::string refusal = {};                // the first one
  bool audit_next = false, eager = false;  // the next call, all further calls
  bool forgotten = false;                  // a layout with calls that went unseen

  Compilation& compilation(const Tensors& arguments) {
    return compilations.at(arguments, [this](const Compilation& c) { forgotten = forgotten || c.unseen(); });
  }
  bool unseen() const {
    bool any = forgotten;
    compilations.each([&](const Compilation& c) { any = any || c.unseen(); });
    return any;
  }
  Tensors replay(Compilation& c, const Tensors& arguments, Where at) {
    ++replayed;
    return c.replay->run(arguments, at);
  }
  // Says why all further calls are eager, or those of one layout.
  void stay_eager(bool& which, const std::string& why, Where at) {
    which = true;
    if (refusal.empty()) refusal = why;
    if (switches().log) fmt::print(stderr, "scoregrad: the loop at {}:{} stays eager: {}\n", at.file ? at.file : "?", at.line, why);
  }
  Tensors recorded(Compilation& c, const Tensors& arguments, Where at);
};

// A call that is made and looked at.
Tensors CompiledLoop::State::recorded(Compilation& c, const Tensors& arguments, Where at) {
  compiled::Recorded r = compiled::record(f, arguments, at, true);
  const std::string why = c.audit ? c.audit->objection(r) : r.refusal;
  if (!why.empty()) {
    if (c.replay && unseen()) throw_unseen(why, at);
    if (c.replay)
      stay_eager(eager, why, at);
    else if (c.refused++ > 0)  // what a first call makes for later ones is no reason
      stay_eager(c.eager, why, at);
    return std::move(r.results);
  }
  if (c.replay) {
    c.audit->recorded();
  } else {
    try {
      c.replay = std::make_unique<compiled::Replay>(compiled::passed(r.sequence, Pass::planned), OneLaunch::where_it_pays, at);
    } catch (const Error& e) {
      stay_eager(c.eager, e.what(), at);
      return std::move(r.results);
    }
    c.audit = std::make_unique<compiled::Audit>(std::move(r.sequence));
  }
  if (!cuts_products(c.replay->sequence())) {  // then a replay would give the same bits
    ++replayed;
    return std::move(r.results);
  }
  compiled::undo(r);
  r = {};
  return replay(c, arguments, at);
}

CompiledLoop::CompiledLoop(compiled::Step f, LoopOptions options) : state_(new State{std::move(f), options}) {}
CompiledLoop::~CompiledLoop() {
  if (state_) LoopWatch::ended(state_->replayed, state_->refusal);
}
CompiledLoop::CompiledLoop(CompiledLoop&&) noexcept = default;
CompiledLoop& CompiledLoop::operator=(CompiledLoop&&) noexcept = default;

Tensors CompiledLoop::operator()(const Tensors& arguments, Where at) {
  const FunctionScope function(at);
  State& s = *state_;
  // Inside another compiled step it is part of that one.
  if (!s.options.enabled || recorder || s.eager) return s.f(arguments);
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].defined()) throw Error(at, fmt::format("compile: argument {} is undefined", i));
  Compilation& c = s.compilation(arguments);
  if (c.replay && !c.replay->takes(arguments)) return s.f(arguments);
  const bool asked = std::exchange(s.audit_next, false);
  if (c.eager) return s.f(arguments);
  if (!c.replay || asked || c.audit->due()) return s.recorded(c, arguments, at);
  c.audit->replayed();
  return s.replay(c, arguments, at);
}

void CompiledLoop::audit_next() { state_->audit_next = true; }

void CompiledLoop::audit(const Tensors& arguments, Where at) {
  State& s = *state_;
  if (s.eager || recorder || !s.unseen()) return;
  Compilation& c = s.compilation(arguments);
  if (!c.replay) return;
  const compiled::Recorded r = compiled::record(s.f, arguments, at, true);
  compiled::undo(r);
  const std::string why = c.audit->objection(r);
  if (!why.empty()) throw_unseen(why, at);
  c.audit->looked();
}

bool CompiledLoop::replays(const Tensors& arguments) const {
  const Compilation* c = state_->compilations.find(arguments);
  return c && c->replay;
}

std::string CompiledLoop::show(Pass stage, Where at) const {
  const Compilation* c = state_->compilations.last();
  if (!c || !c->audit) throw Error(at, "show: no step of the loop has been recorded yet");
  return compiled::show(compiled::passed(c->audit->record(), stage));
}

int64_t CompiledLoop::replayed() const { return state_->replayed; }
const std::string& CompiledLoop::refusal() const { return state_->refusal; }

int64_t CompiledLoop::held_bytes() const {
  int64_t bytes = 0;
  state_->compilations.each([&](const Compilation& c) { bytes += c.replay ? c.replay->held_bytes() : 0; });
  return bytes;
}

}  // namespace scoregrad
