// What the library is for: one gradient, split by the ways in which a variable reaches the loss.
//
// Data are x = c z0, so q(x | c) = N(0, c^2); noise makes x_t = x + sigma z, whose exact score is -x_t / (c^2 + sigma^2). A network
// s(x_t, c) is trained by score matching, and c is to be learned too. c reaches the loss through the network's argument ("net"), through
// the data ("dist") and, in explicit score matching only, through the exact score ("target").
//   DSM(c) = E 1/2 (s + z / sigma)^2,   ESM(c) = E 1/2 (s + x_t / (c^2 + sigma^2))^2,   grad DSM = grad ESM - grad C2,
//   C2(c)  = E 1/2 (x_t / (c^2 + sigma^2))^2 = 1/2 / (c^2 + sigma^2)
// Given a path, also draws the graph of the explicit loss there: dot -Tsvg FILE.
#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "scoregrad.h"
#include "scoregrad/fmt.h"
namespace sg = scoregrad;

int main(int argc, char** argv) {
  const sg::Options exact{.dtype = sg::float64};
  const double sigma = 0.7;
  // Expectations over (z0, z) by the trapezoidal rule, which converges exponentially here: 81 x 81 points weigh like a normal density.
  const sg::Tensor grid = sg::linspace(-9, 9, 81, exact);
  const sg::Tensor density = sg::exp(-0.5 * sg::square(grid));
  const sg::Tensor weight = density / sg::sum(density);
  const sg::Tensor z0 = sg::unsqueeze(grid, 1), z = grid;
  const auto mean = [&](const sg::Tensor& values) { return sg::sum(values * sg::outer(weight, weight)); };

  const sg::Tensor c = sg::scalar(0.8, exact).named("c").requires_grad();
  const sg::Tensor w = sg::scalar(1.3, exact).named("w");  // a network with one weight, wrong on purpose
  const sg::Tensor net = c.tag("net"), dist = c.tag("dist"), target = c.tag("target");

  const sg::Tensor xt = dist * z0 + sigma * z;
  const sg::Tensor score = -xt / (net * net * w + sigma);
  const sg::Tensor dsm = mean(0.5 * sg::square(score + z / sigma)).named("DSM");
  const sg::Tensor truth = -xt / (target * target + sigma * sigma);
  const sg::Tensor esm = mean(0.5 * sg::square(score - truth)).named("ESM");
  const sg::Tensor c2 = 0.5 / (c * c + sigma * sigma);

  const sg::GradByPath by_dsm = sg::grad_by_path(dsm, c), by_esm = sg::grad_by_path(esm, c);
  fmt::print("-- denoising score matching, d DSM/dc\n{:.6f}\n", by_dsm);
  fmt::print("\n-- explicit score matching, d ESM/dc\n{:.6f}\n", by_esm);

  const double bias = sg::grad(c2, c).item();
  fmt::print("\n-- the two totals differ by the gradient of C2\n");
  fmt::print("d DSM - d ESM  {:.6f}\n", by_dsm.total.item() - by_esm.total.item());
  fmt::print("      - d C2   {:.6f}\n", -bias);

  fmt::print("\n-- labels stay apart upstream of the tags too: c = exp(u)\n");
  const sg::Tensor u = sg::scalar(std::log(0.8), exact).requires_grad();
  const sg::Tensor code = sg::exp(u);
  const sg::Tensor noisy = code.tag("dist") * z0 + sigma * z;
  const sg::Tensor argument = code.tag("net");
  const sg::Tensor loss = mean(0.5 * sg::square(-noisy / (argument * argument * w + sigma) + z / sigma));
  fmt::print("{:.6f}\n", sg::grad_by_path(loss, u));

  if (argc > 1) std::ofstream(argv[1]) << sg::to_dot(esm, {.gradients = true});
  const double error = by_dsm.total.item() - by_esm.total.item() + bias;
  const double split = by_esm.along("net").item() + by_esm.along("dist").item() + by_esm.along("target").item() - by_esm.total.item();
  return std::abs(error) < 1e-10 && std::abs(split) < 1e-12 ? 0 : 1;
}
