// An op of your own from two functions, checked before it is trusted.
#include <fmt/format.h>

#include <cmath>

#include "scoregrad.h"
#include "scoregrad/fmt.h"
namespace sg = scoregrad;

int main() {
  const sg::Options exact{.dtype = sg::float64};

  // The entropy -p log p - (1-p) log(1-p) of a coin that shows heads with probability sigmoid(x); its derivative is -x p (1-p). Written
  // in ops, the rule can be differentiated again.
  const sg::Custom entropy{
      "coin_entropy",
      [](const sg::Tensors& x) { return sg::softplus(x[0]) - x[0] * sg::sigmoid(x[0]); },
      [](const sg::Tensors& x, const sg::Tensor&, const sg::Tensor& g) {
        const sg::Tensor p = sg::sigmoid(x[0]);
        return sg::Tensors{-(g * x[0] * p * (1 - p))};
      },
  };
  const sg::Tensor x = sg::from({-2, 0, 1}, exact).named("x").requires_grad();
  const sg::Tensor y = entropy({x}).named("y");
  fmt::print("-- the op in use\n{:.6f}\n", y.detach());
  fmt::print("{}", sg::listing(sg::sum(y)));
  fmt::print("gradient  {:.6f}\n", sg::grad(sg::sum(y), x));
  fmt::print("curvature {:.6f}\n", sg::grad(sg::sum(sg::grad(sg::sum(y), x, {.create_graph = true})), x));

  fmt::print("\n-- is the rule right? gradcheck asks both sweeps and central differences, at order 1 and 2\n");
  const auto f = [&](const sg::Tensors& xs) { return entropy({xs[0]}); };
  const sg::GradcheckReport right = sg::gradcheck(f, {x.detach()});
  fmt::print("right rule: {}\n", right.passed ? "passed" : "rejected");

  sg::Custom wrong = entropy;  // off by a tenth of a percent
  wrong.vjp = [&](const sg::Tensors& xs, const sg::Tensor& value, const sg::Tensor& g) {
    return sg::Tensors{1.001 * entropy.vjp(xs, value, g)[0]};
  };
  const sg::GradcheckReport off = sg::gradcheck([&](const sg::Tensors& xs) { return wrong({xs[0]}); }, {x.detach()});
  fmt::print("wrong rule: {}\n", off.passed ? "passed" : "rejected");

  fmt::print("\n-- straight through: the value of one tensor, the gradient of another\n");
  const sg::Tensor u = sg::from({0.2, 1.7}, exact).requires_grad();
  const sg::Tensor rounded = sg::straight_through(sg::round(u), u);
  fmt::print("{} with gradient {}\n", rounded.detach(), sg::grad(sg::sum(sg::square(rounded)), u));

  return right.passed && !off.passed ? 0 : 1;
}
