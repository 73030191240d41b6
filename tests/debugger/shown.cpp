// A program for gdb to stop in: what it prints of x, y and y's node is what the test asks for.
#include "scoregrad.h"

namespace sg = scoregrad;

void stop_here(const sg::Tensor& x, const sg::Tensor& y, const sg::Shape& shape, const sg::Node& node, const sg::Tensor& none) {
  static volatile int reached = 0;
  reached = reached + x.rank() + y.rank() + shape.rank + node.shape.rank + none.defined();
}

int main() {
  const sg::Tensor x = sg::arange(0, 6, 1, {.dtype = sg::float64}).requires_grad();
  const sg::Tensor y = sg::transpose(sg::reshape(sg::square(x), {2, 3}));
  stop_here(x, y, y.shape(), *y.node(), {});
}
