// What is said of a tensor that does not fit: one wording for every op, module, loss, law and sampler.
#pragma once
#include "autograd/backend/error.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// ExtentsText as a message names them: those of a shape or a tensor, or in letters, "[n, d]".
struct ExtentsText {
  std::string text;
  ExtentsText(const char* letters) : text(letters) {}
  ExtentsText(std::string letters) : text(std::move(letters)) {}
  ExtentsText(const Dims& shape) : text(to_string(shape)) {}
  ExtentsText(const Tensor& x) : text(x.defined() ? to_string(x.shape()) : "nothing") {}
};

/// "<op>: <wanted> wanted for <what>, <came> came"; without `what`, "<op>: <wanted> wanted, <came> came". An advice may follow.
Error misfit(Where at, const std::string& op, const std::string& what, const ExtentsText& wanted, const ExtentsText& came,
             const std::string& advice = {});
/// For a tensor that must be another's like: element types and devices are named where they differ.
Error misfit(Where at, const std::string& op, const std::string& what, const Tensor& like, const Tensor& came);
/// True if `came` has the shape, the element type and the device of `like`.
bool is_like(const Tensor& like, const Tensor& came);
/// Throws misfit() unless it has.
void check_like(Where at, const char* op, const char* what, const Tensor& like, const Tensor& came);
/// Those of several tensors: "[2] and [3]".
std::string extents_of(const std::vector<Tensor>& xs);
/// "float32 [2, 3]", where the element type matters too.
std::string kind_of(const Tensor& x);
std::string kind_of(DType dtype, const Shape& shape);
/// A shape with a letter in place of one of its extents, which is free: "[2, n]".
std::string with_letter(const Shape& shape, int axis, const char* letter);

}  // namespace scoregrad
