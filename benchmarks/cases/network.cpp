#include "benchmarks/cases/network.h"

#include <cmath>
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

sg::Tensors draw_toy(const sg::Tensor& centres, int64_t n, const sg::Key& key) {
  const sg::Tensor which = sg::integers(0, 8, {n}, key.fold("centre"));
  return {sg::index_select(centres, 0, which) + 0.1 * sg::normal({n, 2}, key.fold("x")), draw_log_sigma(n, key.fold("sigma")),
          sg::normal({n, 2}, key.fold("eps"))};
}

sg::Tensor dsm_loss(const sg::nn::MLP& net, const sg::Tensors& drawn) {
  const sg::Tensor &x = drawn[0], &log_sigma = drawn[1], &eps = drawn[2];
  const sg::Tensor xt = x + sg::exp(log_sigma) * eps;
  const sg::Tensor o = net(sg::concat({xt, log_sigma * 0.25}, 1));
  return sg::mean(sg::sum(sg::square(o + eps), {1}));
}

double weights(const std::vector<int64_t>& widths) {
  double sum = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) sum += static_cast<double>(widths[i] * widths[i + 1]);
  return sum;
}

double hidden(const std::vector<int64_t>& widths) {
  double sum = 0;
  for (size_t i = 1; i + 1 < widths.size(); ++i) sum += static_cast<double>(widths[i]);
  return sum;
}

double uncached(double bytes) { return bytes > (2 << 20) ? bytes : 0; }

}  // namespace bench
