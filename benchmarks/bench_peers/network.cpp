#include "benchmarks/bench_peers/network.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

namespace sg = scoregrad;

namespace bench {

sg::Tensor toy_centres() {
  const sg::Tensor angle = sg::arange(0, 8, 1) * (2 * std::numbers::pi / 8);
  return sg::stack({2 * sg::cos(angle), 2 * sg::sin(angle)}, 1);
}

sg::Tensor draw_log_sigma(int64_t n, const sg::Key& key) {
  static const double low = std::log(0.01), high = std::log(5.0);
  return sg::uniform({n, 1}, key) * (high - low) + low;
}

Toy draw_toy(const sg::Tensor& centres, int64_t n, const sg::Key& key) {
  const sg::Tensor which = sg::integers(0, 8, {n}, key.fold("centre"));
  return {sg::index_select(centres, 0, which) + 0.1 * sg::normal({n, 2}, key.fold("x")), draw_log_sigma(n, key.fold("sigma")),
          sg::normal({n, 2}, key.fold("eps"))};
}

sg::Tensor dsm_loss(const sg::nn::MLP& net, const Toy& d) {
  const sg::Tensor xt = d.x + sg::exp(d.log_sigma) * d.eps;
  const sg::Tensor o = net(sg::concat({xt, d.log_sigma * 0.25}, 1));
  return sg::mean(sg::sum(sg::square(o + d.eps), {1}));
}

void check_range(double loss, double low, double high) {
  if (loss > low && loss < high) return;
  std::fprintf(stderr, "the loss left its range: %g\n", loss);
  std::exit(1);
}

}  // namespace bench
