// Tensors as text. autograd/tensor/print.cpp explains the layout; scoregrad/fmt.h makes fmt::print("{}", x) work.
#pragma once
#include <iosfwd>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

struct PrintOptions {
  int precision = 4;     ///< digits after the point; of 'g' the significant ones
  char style = 0;        ///< 'f' fixed, 'e' scientific, 'g' whichever is shorter; 0 chooses, and drops zeros that end all numbers
  bool describe = true;  ///< end with element type, shape, device, name and the op that made it
  int64_t limit = 1000;  ///< beyond so many elements the middle of long axes is left out
  int edge = 3;          ///< how many entries remain at either end of a long axis, at most
  int width = 100;       ///< columns, after which a row continues on the next line
};

/// "[[1, 2], [3, 4]]  float32 [2, 2] cpu, from mul", one matrix row a line; an undefined tensor is "undefined".
std::string to_string(const Tensor& x, const PrintOptions& options = {});
std::ostream& operator<<(std::ostream& out, const Tensor& x);
/// "[2, 3]"
std::ostream& operator<<(std::ostream& out, const Dims& shape);

}  // namespace scoregrad
