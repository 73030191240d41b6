#include "nn/parametrisation.h"

#include "autograd/graph/mode.h"

namespace scoregrad::nn {
namespace {

// Numbers become 0-d tensors, so that the formulas below read as they are written.
Tensor level(const Operand& value, const Tensor& x) {
  return value.is_number() ? scalar(value.number(x.dtype(), "level").f, like(x)) : value.tensor();
}

}  // namespace

Tensor prediction(Predicts what, const Tensor& s, const Tensor& xt, Operand alpha, Operand sigma, Where at) {
  const CallerScope scope(at);
  const Tensor a = level(alpha, xt), sd = level(sigma, xt);
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
