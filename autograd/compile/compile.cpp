#include "autograd/compile/compile.h"

#include <fmt/format.h>

#include <algorithm>

#include "autograd/compile/passes.h"
#include "autograd/compile/replay.h"

namespace scoregrad {
namespace {

using compiled::Sequence;

constexpr size_t most_layouts = 8;

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
};

Sequence passed(Sequence s, Pass stage) {
  if (stage == Pass::recorded) return s;
  s = compiled::drop(compiled::merge(std::move(s)));
  if (stage == Pass::merged) return s;
  s = compiled::fold(std::move(s));
  if (stage == Pass::folded) return s;
  s = compiled::fuse(std::move(s));
  s = compiled::absorb(compiled::fold(compiled::drop(std::move(s))));
  if (stage == Pass::fused) return s;
  return compiled::plan(std::move(s));
}

}  // namespace

struct CompiledStep::State {
  compiled::Step f;
  CompileOptions options;
  std::vector<std::unique_ptr<Compilation>> compilations;  // the one used last stands first

  Compilation& compilation(const Tensors& arguments) {
    Layout layout(arguments);
    for (size_t i = 0; i < compilations.size(); ++i)
      if (compilations[i]->layout.arguments == layout.arguments) {
        std::rotate(compilations.begin(), compilations.begin() + static_cast<std::ptrdiff_t>(i),
                    compilations.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        return *compilations[0];
      }
    if (compilations.size() == most_layouts) compilations.pop_back();
    compilations.insert(compilations.begin(), std::make_unique<Compilation>(Compilation{std::move(layout), 0, {}, {}}));
    return *compilations[0];
  }
};

CompiledStep::CompiledStep(compiled::Step f, CompileOptions options) : state_(new State{std::move(f), options, {}}) {}
CompiledStep::~CompiledStep() = default;
CompiledStep::CompiledStep(CompiledStep&&) noexcept = default;
CompiledStep& CompiledStep::operator=(CompiledStep&&) noexcept = default;

Tensors CompiledStep::operator()(const Tensors& arguments, Where at) {
  if (!state_->options.enabled || recorder) return state_->f(arguments);  // inside another compiled step it is part of that one
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i].defined()) throw Error(at, fmt::format("compile: argument {} is undefined", i));
  Compilation& p = state_->compilation(arguments);
  const int64_t call = p.calls++;
  if (call == 0) return state_->f(arguments);  // state that is made at the first use is made here
  const bool audit = p.replay && state_->options.audit_every > 0 && call % state_->options.audit_every == 0;
  if (p.replay && !audit) return p.replay->run(arguments, at);

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
  if (!p.replay) p.replay = std::make_unique<compiled::Replay>(passed(*p.first, Pass::planned), at);
  return r.results;
}

bool CompiledStep::replays(const Tensors& arguments) const {
  const Layout layout(arguments);
  for (const auto& p : state_->compilations)
    if (p->layout.arguments == layout.arguments) return p->replay != nullptr;
  return false;
}

std::string CompiledStep::show(Pass stage, Where at) const {
  if (state_->compilations.empty() || !state_->compilations[0]->first)
    throw Error(at, "show: the step has not been recorded yet; its second call records it");
  return compiled::show(passed(*state_->compilations[0]->first, stage));
}

int64_t CompiledStep::held_bytes() const {
  int64_t bytes = 0;
  for (const auto& p : state_->compilations)
    if (p->replay) bytes += p->replay->sequence().arena_bytes[0] + p->replay->sequence().arena_bytes[1];
  return bytes;
}

}  // namespace scoregrad
