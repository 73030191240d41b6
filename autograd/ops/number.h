// A parameter that is a number or a tensor.
#pragma once
#include "autograd/ops/ops.h"

namespace scoregrad {

/// A noise level or scale: a number, or a tensor into which gradients flow.
class Number {
 public:
  Number(double value) : value_(value) {}
  Number(Tensor value) : tensor_(std::move(value)) {}

  bool is_number() const { return !tensor_.defined(); }
  /// True for a number and for a 0-d tensor.
  bool is_single() const { return is_number() || tensor_.rank() == 0; }
  /// The number; throws Error if it is a tensor with several elements.
  double value(Where at = Where::here()) const { return is_number() ? value_ : tensor_.item(at); }
  /// As a tensor with the element type and device of x; a tensor is returned as it is.
  Tensor like(const Tensor& x) const { return is_number() ? scalar(value_, scoregrad::like(x)) : tensor_; }
  /// The same with axes of extent one appended up to `rank`, so that a level for each row broadcasts over what the rows contain.
  Tensor like(const Tensor& x, int rank) const {
    Tensor t = like(x);
    if (t.rank() == 0 || t.rank() >= rank) return t;
    Shape s = t.shape();
    while (s.rank < rank) s.push_back(1);
    return reshape(t, s);
  }
  /// A tensor on the named path (Tensor::tag), a number unchanged.
  Number tagged(const std::string& label, Where at = Where::here()) const { return is_number() ? *this : Number(tensor_.tag(label, at)); }
  Number detached() const { return is_number() ? *this : Number(tensor_.detach()); }

 private:
  double value_ = 0;
  Tensor tensor_;
};

}  // namespace scoregrad
