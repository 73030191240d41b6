#include "autograd/compile/compile.h"

#include <fmt/format.h>

#include "autograd/compile/audit.h"
#include "autograd/compile/layout.h"
#include "autograd/compile/passes.h"
#include "autograd/compile/replay.h"
#include "autograd/graph/mode.h"

namespace scoregrad {
namespace {

constexpr size_t most_layouts = 8;

// The life of one layout: eager, recorded, recorded and compared, replayed.
struct Compilation {
  int64_t calls = 0;
  std::unique_ptr<compiled::Audit> audit = {};
  std::unique_ptr<compiled::Replay> replay = {};
};

}  // namespace

struct CompiledStep::State {
  compiled::Step f;
  CompileOptions options;
  compiled::ByLayout<Compilation> compilations{most_layouts};
  int64_t replayed = 0;
};

CompiledStep::CompiledStep(compiled::Step f, CompileOptions options) : state_(new State{std::move(f), options}) {}
CompiledStep::~CompiledStep() = default;
CompiledStep::CompiledStep(CompiledStep&&) noexcept = default;
CompiledStep& CompiledStep::operator=(CompiledStep&&) noexcept = default;

Tensors CompiledStep::operator()(const Tensors& arguments, Where at) {
  const FunctionScope function(at);
  State& s = *state_;
  // Inside another compiled step it is part of that one.
  if (!s.options.enabled || recorder) return s.f(arguments);
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].defined()) throw Error(at, fmt::format("compile: argument {} is undefined", i));
  Compilation& c = s.compilations.at(arguments, [](const Compilation&) {});
  if (c.replay && !c.replay->takes(arguments)) return s.f(arguments);
  const int64_t call = c.calls++;
  if (call == 0) return s.f(arguments);  // state that is made at the first use is made here
  const bool audited = c.replay && s.options.audit_every > 0 && call % s.options.audit_every == 0;
  if (c.replay && !audited) {
    ++s.replayed;
    return c.replay->run(arguments, at);
  }
  compiled::Recorded r = compiled::record(s.f, arguments, at);
  if (!c.audit) {
    c.audit = std::make_unique<compiled::Audit>(std::move(r.sequence));
    return std::move(r.results);
  }
  const std::string objection = c.audit->objection(r);
  if (!objection.empty()) {
    c.replay.reset();
    c.audit.reset();
    throw Error(at, "compile: " + objection);
  }
  if (!c.replay) c.replay = std::make_unique<compiled::Replay>(compiled::passed(c.audit->record(), Pass::planned), s.options.launch, at);
  return std::move(r.results);
}

bool CompiledStep::replays(const Tensors& arguments) const {
  const Compilation* c = state_->compilations.find(arguments);
  return c && c->replay;
}

std::string CompiledStep::mode(const Tensors& arguments) const {
  const Compilation* c = state_->compilations.find(arguments);
  if (!c) return "eager";
  if (!c->replay) return "recorded";
  const std::string& obstacle = c->replay->launch().obstacle();
  return obstacle.empty() ? "one launch" : "call by call: " + obstacle;
}

std::string CompiledStep::show(Pass stage, Where at) const {
  const Compilation* c = state_->compilations.last();
  if (!c || !c->audit) throw Error(at, "show: the step has not been recorded yet; its second call records it");
  return compiled::show(compiled::passed(c->audit->record(), stage));
}

int64_t CompiledStep::replayed() const { return state_->replayed; }

int64_t CompiledStep::held_bytes() const {
  int64_t bytes = 0;
  state_->compilations.each([&](const Compilation& c) { bytes += c.replay ? c.replay->held_bytes() : 0; });
  return bytes;
}

}  // namespace scoregrad
