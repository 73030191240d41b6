#include "autograd/compile/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "autograd/compile/passes.h"
#include "autograd/compile/replay.h"
#include "autograd/compile/watch.h"
#include "autograd/graph/mode.h"

namespace scoregrad {
namespace {

using compiled::Sequence;

constexpr size_t most_layouts = 8, most_layouts_of_loop = 32;
constexpr int64_t shortest_loop = 64;  // steps: in fewer, what is recorded costs more than replays save

struct Switches {
  std::atomic<bool> on;
  bool log;
};
Switches& switches() {
  static Switches s = [] {
    const char* said = std::getenv("SCOREGRAD_COMPILE");
    const std::string word = said ? said : "";
    return Switches{word != "off", word == "log"};
  }();
  return s;
}

// What a record holds for: shapes, types, layouts, devices, and which arguments share memory.
struct Layout {
  struct Argument {
    Shape shape;
    Strides strides;
    int64_t offset;
    DType dtype;
    Device device;
    bool tracked;
    size_t shares;  // the first argument with the same storage
    friend bool operator==(const Argument& a, const Argument& b) {
      return a.shape == b.shape && a.strides == b.strides && a.offset == b.offset && a.dtype == b.dtype && a.device == b.device &&
             a.tracked == b.tracked && a.shares == b.shares;
    }
  };
  std::vector<Argument> arguments;

  explicit Layout(const Tensors& xs) {
    for (size_t i = 0; i < xs.size(); ++i) {
      size_t shares = 0;
      while (xs[shares].body().storage.get() != xs[i].body().storage.get()) ++shares;
      arguments.push_back({xs[i].shape(), xs[i].strides(), xs[i].body().offset, xs[i].dtype(), xs[i].device(), xs[i].tracked(), shares});
    }
  }
};

// The life of one layout: eager, recorded, recorded and compared, replayed.
struct Compilation {
  Layout layout;
  int64_t calls = 0;
  std::optional<Sequence> first;
  std::unique_ptr<compiled::Replay> replay;
  int64_t since = 0, compared = 0;  // lenient: calls since the first record, and which of them was compared last
  bool eager = false;               // lenient: it cannot be recorded
};

// True if a replay cuts a product of matrices into other tiles than an eager call does.
bool cuts_products(const Sequence& planned) {
  for (size_t i = 0; i < planned.calls.size(); ++i)
    if (compiled::is<calls::Matmul>(planned.calls[i]) && compiled::band_of(planned, i) >= 0) return true;
  return false;
}

}  // namespace

struct CompiledStep::State {
  compiled::Step f;
  CompileOptions options;
  std::vector<std::unique_ptr<Compilation>> compilations = {};  // the one used last stands first
  int64_t replayed = 0;
  std::string refusal = {};           // the first one
  bool audit = false, eager = false;  // the next call, all further calls
  bool forgotten = false;             // a layout with calls that went unseen

  Compilation& compilation(const Tensors& arguments) {
    Layout layout(arguments);
    for (size_t i = 0; i < compilations.size(); ++i)
      if (compilations[i]->layout.arguments == layout.arguments) {
        std::rotate(compilations.begin(), compilations.begin() + static_cast<std::ptrdiff_t>(i),
                    compilations.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        return *compilations[0];
      }
    if (compilations.size() == (options.lenient ? most_layouts_of_loop : most_layouts)) {
      forgotten = forgotten || compilations.back()->since > compilations.back()->compared;
      compilations.pop_back();
    }
    compilations.insert(compilations.begin(), std::make_unique<Compilation>(Compilation{std::move(layout), 0, {}, {}}));
    return *compilations[0];
  }

  Tensors replay(Compilation& p, const Tensors& arguments, Where at) {
    ++replayed;
    return p.replay->run(arguments, at);
  }
  // Says why all further calls are eager, or those of one layout.
  void stay_eager(bool& which, const std::string& why, Where at) {
    which = true;
    if (refusal.empty()) refusal = why;
    if (switches().log) fmt::print(stderr, "scoregrad: the loop at {}:{} stays eager: {}\n", at.file ? at.file : "?", at.line, why);
  }
  bool unseen() const {
    return forgotten || std::any_of(compilations.begin(), compilations.end(), [](const auto& p) { return p->since > p->compared; });
  }
  // Why a record cannot be replayed, or is not that of the step that is.
  static std::string other(const Compilation& p, const compiled::Recorded& r) {
    if (!r.refusal.empty() || !p.replay) return r.refusal;
    const std::string d = compiled::difference(*p.first, r.sequence);
    return d.empty() ? d : "two recordings of the step differ at " + d;
  }
  [[noreturn]] static void throw_unseen(const std::string& why, Where at) {
    throw Error(at, fmt::format("compile: a step that was replayed was recorded again and is another one now: {}. What changed in between "
                                "went unseen. Keep in tensors what changes, or say compile = false for this loop",
                                why));
  }
  Tensors lenient_step(Compilation& p, const Tensors& arguments, Where at);
};

Tensors CompiledStep::State::lenient_step(Compilation& p, const Tensors& arguments, Where at) {
  const bool asked = std::exchange(audit, false);
  if (p.eager) return f(arguments);
  const int64_t call = p.replay ? p.since + 1 : 0;  // after the first record
  if (p.replay && !asked && (call & (call - 1)) != 0) {
    p.since = call;
    return replay(p, arguments, at);
  }
  compiled::Recorded r = compiled::record(f, arguments, at, true);
  const std::string why = other(p, r);
  if (!why.empty() && p.replay) {
    if (unseen()) throw_unseen(why, at);
    stay_eager(eager, why, at);
  } else if (!why.empty() && p.calls++ > 0) {  // what a first call makes for later ones is no reason
    stay_eager(p.eager, why, at);
  }
  if (!why.empty()) return std::move(r.results);
  p.since = p.compared = call;
  if (!p.replay) {
    try {
      p.replay = std::make_unique<compiled::Replay>(compiled::passed(r.sequence, Pass::planned), options.launch, at);
    } catch (const Error& e) {
      stay_eager(p.eager, e.what(), at);
      return std::move(r.results);
    }
    p.first = std::move(r.sequence);
  }
  if (!cuts_products(p.replay->sequence())) {  // then a replay would give the same bits
    ++replayed;
    return std::move(r.results);
  }
  compiled::undo(r);
  r = {};
  return replay(p, arguments, at);
}

CompileOptions for_loop(int64_t steps, bool wanted) {
  return {.enabled = wanted && switches().on && steps >= shortest_loop, .lenient = true};
}
void set_compile_by_default(bool on) { switches().on = on; }
bool compile_by_default() { return switches().on; }

CompiledStep::CompiledStep(compiled::Step f, CompileOptions options) : state_(new State{std::move(f), options}) {}
CompiledStep::~CompiledStep() {
  if (state_ && state_->options.lenient) LoopWatch::ended(state_->replayed, state_->refusal);
}
CompiledStep::CompiledStep(CompiledStep&&) noexcept = default;
CompiledStep& CompiledStep::operator=(CompiledStep&&) noexcept = default;

Tensors CompiledStep::operator()(const Tensors& arguments, Where at) {
  const FunctionScope function(at);
  // Inside another compiled step it is part of that one.
  if (!state_->options.enabled || recorder || state_->eager) return state_->f(arguments);
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].defined()) throw Error(at, fmt::format("compile: argument {} is undefined", i));
  Compilation& p = state_->compilation(arguments);
  if (p.replay && !p.replay->takes(arguments)) return state_->f(arguments);
  if (state_->options.lenient) return state_->lenient_step(p, arguments, at);
  const int64_t call = p.calls++;
  if (call == 0) return state_->f(arguments);  // state that is made at the first use is made here
  const bool audit = p.replay && state_->options.audit_every > 0 && call % state_->options.audit_every == 0;
  if (p.replay && !audit) return state_->replay(p, arguments, at);

  compiled::Recorded r = compiled::record(state_->f, arguments, at);
  if (!p.first) {
    p.first = std::move(r.sequence);
    return r.results;
  }
  const std::string d = compiled::difference(*p.first, r.sequence);
  if (!d.empty()) {
    p.replay.reset();
    p.first.reset();
    throw Error(at, "compile: two recordings of the step differ at " + d);
  }
  if (!p.replay) p.replay = std::make_unique<compiled::Replay>(compiled::passed(*p.first, Pass::planned), state_->options.launch, at);
  return r.results;
}

bool CompiledStep::replays(const Tensors& arguments) const {
  const Layout layout(arguments);
  for (const auto& p : state_->compilations)
    if (p->layout.arguments == layout.arguments) return p->replay != nullptr;
  return false;
}

std::string CompiledStep::mode(const Tensors& arguments) const {
  const Layout layout(arguments);
  for (const auto& p : state_->compilations) {
    if (!(p->layout.arguments == layout.arguments)) continue;
    if (!p->replay) return "recorded";
    const std::string& obstacle = p->replay->launch().obstacle();
    return obstacle.empty() ? "one launch" : "call by call: " + obstacle;
  }
  return "eager";
}

std::string CompiledStep::show(Pass stage, Where at) const {
  if (state_->compilations.empty() || !state_->compilations[0]->first)
    throw Error(at, "show: the step has not been recorded yet; its second call records it");
  return compiled::show(compiled::passed(*state_->compilations[0]->first, stage));
}

void CompiledStep::audit_next() { state_->audit = state_->options.lenient; }
void CompiledStep::audit(const Tensors& arguments, Where at) {
  State& s = *state_;
  if (!s.options.lenient || s.eager || recorder || !s.unseen()) return;
  Compilation& p = s.compilation(arguments);
  if (!p.replay) return;
  const compiled::Recorded r = compiled::record(s.f, arguments, at, true);
  compiled::undo(r);
  const std::string why = State::other(p, r);
  if (!why.empty()) State::throw_unseen(why, at);
  p.compared = p.since;
}
int64_t CompiledStep::replayed() const { return state_->replayed; }
const std::string& CompiledStep::refusal() const { return state_->refusal; }

int64_t CompiledStep::held_bytes() const {
  int64_t bytes = 0;
  for (const auto& p : state_->compilations)
    if (p->replay) bytes += compiled::arena_bytes(p->replay->sequence()) + p->replay->launch().bytes();
  return bytes;
}

}  // namespace scoregrad
