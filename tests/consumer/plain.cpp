// A gradient split by path, printed without fmt, through a network of the consumer's own and beside one of the library's.
#include "nn/mlp.h"

#include <scoregrad/nn/mlp.h>
#include <cstdio>
#ifdef FMT_VERSION
#error "scoregrad.h drags fmt in"
#endif

int main() {
  namespace sg = scoregrad;
  const sg::Tensor c = sg::full({}, 3.0, {.dtype = sg::float64}).requires_grad();
  const nn::MLP own{sg::full({}, 1.0, {.dtype = sg::float64})};
  const sg::nn::MLP library({2, 3, 1}, sg::nn::silu, sg::Key(1));
  const sg::Tensor loss = sg::square(own(c.tag("net"))) * c.tag("dist");
  const sg::GradByPath g = sg::grad_by_path(loss, c);
  std::printf("scoregrad %s: net %g, dist %g, total %g\n", SCOREGRAD_VERSION, g.along("net").item(), g.along("dist").item(),
              g.total.item());
  return g.along("net").item() == 18 && g.along("dist").item() == 9 && g.total.item() == 27 && library(sg::ones({4, 2})).extent(1) == 1 ? 0
                                                                                                                                        : 1;
}
