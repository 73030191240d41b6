#include "autograd/graph/history.h"

#include <fmt/format.h>

namespace scoregrad {
namespace {

// What a computed tensor lacks; `constant` is said where nothing was lost.
[[noreturn]] void lost(const char* op, const Tensor& x, const std::string& constant, Where at) {
  if (!x.defined()) throw Error(at, fmt::format("{}: this tensor is undefined, it was default-constructed and never assigned", op));
  const std::string named = x.name().empty() ? "" : fmt::format(" '{}'", x.name());
  switch (x.body().why) {
    case Untracked::no_grad:
      throw Error(at, fmt::format("{}: the tensor{} of shape {} was computed while nothing is recorded, so it has no history; compute it "
                                  "outside of NoGrad, or with .differentiable = true what records nothing unless asked",
                                  op, named, to_string(x.shape())));
    case Untracked::gradient:
      throw Error(at, fmt::format("{}: the tensor{} of shape {} comes from a gradient that was taken without history; take that gradient "
                                  "with {{.create_graph = true}}",
                                  op, named, to_string(x.shape())));
    case Untracked::constant:
      break;
  }
  throw Error(at, fmt::format("{}: {}", op, constant));
}

}  // namespace

void need_history(const char* op, const Tensor& y, Where at) {
  if (!y.tracked())
    lost(op, y, "nothing that requires a gradient was used to compute this tensor; call requires_grad() on a leaf before it is used", at);
}

void need_tracked(const char* op, const Tensor& x, Where at) {
  if (x.tracked()) return;
  const std::string name = x.defined() ? x.name() : "";
  const std::string which = name.empty() ? "a tensor" : "'" + name + "'";
  lost(op, x,
       fmt::format("{} of shape {} does not require a gradient; call requires_grad() on it before it is used", which,
                   x.defined() ? to_string(x.shape()) : ""),
       at);
}

}  // namespace scoregrad
