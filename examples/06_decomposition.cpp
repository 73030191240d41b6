// The smallest bias: an encoder c = phi x + 0.5 eta of x ~ N(0, 1), seen at noise 0.7 by a fixed score. DSM and ESM pull phi apart.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace dist = sg::distributions;

int main() {
  const sg::Options wide{sg::float64};
  const sg::Tensor phi = sg::scalar(0.8, wide).requires_grad();
  const dist::LinearEncoder encoder{.data = dist::Gaussian::standard(1, wide), .gain = phi, .tau = 0.5};
  const auto score = [](const sg::Tensor& xt, const sg::Tensor& c) { return -0.6 * xt + 0.4 * c; };  // any network
  const auto rule = dist::quadrature::gauss_hermite(4);  // exact here: all integrands are quadratic; samples = 100000 would draw instead
  fmt::print("{}", sg::losses::decompose(score, encoder, {.sigma = 0.7, .rule = rule, .wrt = {{"phi", phi}}}));
}
