// Writing into a tensor's own bytes. The graph knows nothing of it, so it is refused where a gradient would be lost or wrong; each write
// counts in the storage, so that a rule which still needs the old values can say so.
#include <fmt/format.h>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

void check_target(const Tensor& y, const char* op, Where at) {
  if (defined(y, op, at).tracked() && mode.recording)
    throw Error(at, fmt::format("{}: writes into a tensor that is part of a recorded computation; write under NoGrad, or into detach() or "
                                "clone() of it",
                                op));
  for (int i = 0; i < y.rank(); ++i)
    if (y.strides()[i] == 0 && y.shape()[i] > 1)
      throw Error(at, fmt::format("{}: the elements of this {} tensor share their bytes (it was broadcast); clone() it first", op,
                                  to_string(y.shape())));
}

void note(const Tensor& y, const char* op, Where at) {
  Storage& s = *y.body().storage;
  s.version += 1;
  s.last_writer = op;
  s.last_write = at;
}

// x as an operand of a write into y: checked, repeated to y's shape, and copied if it shares bytes with y in another order.
Tensor source(const Tensor& y, const Operand& x, const char* op, bool element_by_element) {
  const Tensor& t = tensor_of(x, op);
  if (mode.recording && t.tracked())
    throw Error(x.at, fmt::format("{}: what is written has a gradient that would be lost; write detach() of it, or under NoGrad", op));
  if (t.dtype() != y.dtype() || t.device() != y.device())
    throw Error(x.at, fmt::format("{}: {} on {} into {} on {}; use to()", op, name_of(t.dtype()), name_of(t.device()), name_of(y.dtype()),
                                  name_of(y.device())));
  if (broadcast_shapes(x.at, op, y.shape(), t.shape()) != y.shape()) throw misfit(x.at, op, "", y, t);
  const NoGrad plain;
  const Tensor wide = t.shape() == y.shape() ? t : broadcast_to(t, y.shape());
  if (t.body().storage.get() != y.body().storage.get()) return wide;
  const bool same_view = wide.strides() == y.strides() && wide.body().offset == y.body().offset;
  return same_view && element_by_element ? wide : clone(wide);
}

void combine(Op code, const char* op, const Tensor& y, const Operand& x) {
  check_target(y, op, x.at);
  if (!accepts(row(code).types, y.dtype())) throw Error(x.at, fmt::format("{}: not defined for {}", op, name_of(y.dtype())));
  const Access target{y.bytes(), y.dtype(), y.strides()};
  const uint16_t result = 2;
  const Instr instr{code, result, 0, 1, 0};
  if (x.is_number()) {
    const Immediate number = x.number(y.dtype(), op);
    y.backend().call(x.at, calls::Elementwise{{y.dtype(), 1, 1, &number, 1, &instr, 1, &result}, y.shape(), &target, &target});
  } else {
    const Tensor t = source(y, x, op, true);
    const Access inputs[2] = {target, {t.bytes(), t.dtype(), t.strides()}};
    y.backend().call(x.at, calls::Elementwise{{y.dtype(), 2, 0, nullptr, 1, &instr, 1, &result}, y.shape(), inputs, &target});
  }
  note(y, op, x.at);
}

}  // namespace

void copy_(const Tensor& y, Operand x) {
  check_target(y, "copy_", x.at);
  if (x.is_number())
    y.backend().call(x.at, calls::Fill{y.view(), x.number(y.dtype(), "copy_")});
  else
    y.backend().call(x.at, calls::Copy{y.view(), source(y, x, "copy_", false).view()});
  note(y, "copy_", x.at);
}

void fill_(const Tensor& y, double value, Where at) {
  check_target(y, "fill_", at);
  y.backend().call(at, calls::Fill{y.view(), Operand(value, at.file, at.line).number(y.dtype(), "fill_")});
  note(y, "fill_", at);
}

void zero_(const Tensor& y, Where at) { fill_(y, 0, at); }
void add_(const Tensor& y, Operand x) { combine(Op::add_, "add_", y, x); }
void mul_(const Tensor& y, Operand x) { combine(Op::mul_, "mul_", y, x); }

}  // namespace scoregrad
