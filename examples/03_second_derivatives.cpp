// A gradient is itself a recorded computation: it can be listed, drawn and differentiated again, to any order.
#include <fmt/format.h>

#include <cmath>

#include "scoregrad.h"
#include "scoregrad/fmt.h"
namespace sg = scoregrad;

int main() {
  const sg::Options exact{.dtype = sg::float64};

  fmt::print("-- what the gradient of exp(x)^2 computes, step by step\n");
  const sg::Tensor x = sg::scalar(0.5, exact).named("x").requires_grad();
  const sg::Tensor y = sg::square(sg::exp(x)).named("y");
  const sg::Tensor g = sg::grad(y, x, {.create_graph = true}).named("g");
  fmt::print("{}", sg::listing(y));
  fmt::print("then\n{}", sg::listing(g, {.known = {y}}));

  fmt::print("\n-- derivatives of every order: 2^n exp(2x)\n");
  sg::Tensor d = y;
  double worst = 0;
  for (int order = 1; order <= 5; ++order) {
    d = sg::grad(d, x, {.create_graph = true});
    const double truth = std::pow(2, order) * std::exp(1.0);
    fmt::print("order {}: {:.6f}  {:.6f}\n", order, d, truth);
    worst = std::max(worst, std::abs(d.item() - truth));
  }

  fmt::print("\n-- Hessians, and products with them that never build one\n");
  const auto banana = [](const sg::Tensor& p) {  // Rosenbrock's function
    const sg::Tensor a = sg::select(p, 0, 0), b = sg::select(p, 0, 1);
    return sg::square(1 - a) + 100 * sg::square(b - a * a);
  };
  const sg::Tensor p = sg::from({1, 1}, exact), v = sg::from({1, 2}, exact);
  fmt::print("{}\n", sg::hessian(banana, p));
  fmt::print("H v = {}\n", sg::hvp(banana, p, v));

  fmt::print("\n-- the divergence that implicit score matching needs: exact, and estimated by random signs\n");
  const sg::Key key(7);
  const sg::Tensor w = sg::normal({3, 3}, key.fold("w"), exact);
  const auto score = [&](const sg::Tensor& r) { return sg::tanh(sg::matmul(r, w)); };
  const sg::Tensor r = sg::normal({2, 3}, key.fold("r"), exact);
  const sg::Tensor signs = sg::rademacher({4000, 2, 3}, key.fold("signs"), exact);
  fmt::print("exact     {:.3f}\n", sg::divergence(score, r).divergence);
  fmt::print("estimated {:.3f}\n", sg::divergence(score, r, signs).divergence);

  return worst < 1e-10 ? 0 : 1;
}
