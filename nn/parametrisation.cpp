#include "nn/parametrisation.h"

#include <fmt/format.h>

#include "autograd/graph/mode.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

// Numbers become 0-d tensors, so that the formulas below read as they are written.
Tensor level(const Operand& value, const Tensor& x) {
  return value.is_number() ? scalar(value.number(x.dtype(), "level").f, like(x)) : value.tensor();
}

// A level may repeat over x, but nothing may make x larger, as broadcasting would.
void check(const char* op, const Tensor& s, const Tensor& xt, const Tensor& alpha, const Tensor& sigma, Where at) {
  check_like(at, op, "what is predicted", xt, s);
  for (const Tensor* level : {&alpha, &sigma}) {
    bool fits = level->rank() <= xt.rank();
    for (int i = 0; fits && i < level->rank(); ++i) fits = level->shape().back(i) == xt.shape().back(i) || level->shape().back(i) == 1;
    if (!fits) throw misfit(at, op, "a level", fmt::format("what broadcasts to {}", to_string(xt.shape())), *level);
  }
}

}  // namespace

Tensor prediction(Predicts what, const Tensor& s, const Tensor& xt, Operand alpha, Operand sigma, Where at) {
  const CallerScope scope(at);
  const Tensor a = level(alpha, xt), sd = level(sigma, xt);
  check("prediction", s, xt, a, sd, at);
  switch (what) {
    case Predicts::score:
      return s;
    case Predicts::eps:
      return -(sd * s);
    case Predicts::x0:
      return (xt + square(sd) * s) / a;
    default:
      return -(a * sd * s) - sd * (xt + square(sd) * s) / a;
  }
}

Tensor score_from(Predicts what, const Tensor& predicted, const Tensor& xt, Operand alpha, Operand sigma, Where at) {
  const CallerScope scope(at);
  const Tensor a = level(alpha, xt), sd = level(sigma, xt);
  check("score_from", predicted, xt, a, sd, at);
  switch (what) {
    case Predicts::score:
      return predicted;
    case Predicts::eps:
      return -(predicted / sd);
    case Predicts::x0:
      return (a * predicted - xt) / square(sd);
    default:
      return -(a * predicted + sd * xt) / (sd * (square(a) + square(sd)));
  }
}

}  // namespace scoregrad::nn
