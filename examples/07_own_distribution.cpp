// Your own p(x | c), generated data: c shapes the law that x is drawn from, so its gradient takes three paths and two of them are biased.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace dist = sg::distributions;

int main() {
  const sg::Options wide{sg::float64};
  const sg::Tensor c = sg::from({0.3, -0.4}, wide).requires_grad();

  // Two components in one dimension; weights, means and widths are ops of c, and that is all that the library needs to know.
  const sg::Tensor left = sg::select(c, 0, 0), right = sg::select(c, 0, 1);
  const dist::Mixture law{.log_weights = sg::stack({left, right}),
                          .means = sg::reshape(sg::stack({left - 1, right + 1}), {2, 1}),
                          .factors = sg::reshape(sg::exp(0.5 * sg::stack({right, left})), {2, 1, 1})};

  const sg::nn::MLP net({3, 16, 1}, sg::nn::tanh, sg::Key(1).fold("net"), wide);
  const auto score = [&](const sg::Tensor& xt, const sg::Tensor& at) { return net(sg::concat({xt, at}, 1)); };

  const auto bias = sg::losses::decompose(score, sg::losses::Generated{c, law}, {.sigma = 0.6, .wrt = {{"c", c}, {"theta", net}}});
  fmt::print("{}", bias);
  fmt::print("\nd DSM/dc along net    {:.6f}\n", bias.dsm.gradient.at("c").along("net").mean[0]);
  fmt::print("d ESM/dc along net    {:.6f}   the same\n", bias.esm.gradient.at("c").along("net").mean[0]);
  fmt::print("d DSM/dc along dist   {:.6f}\n", bias.dsm.gradient.at("c").along("dist").mean[0]);
  fmt::print("d ESM/dc along dist   {:.6f}\n", bias.esm.gradient.at("c").along("dist").mean[0]);
  fmt::print("d ESM/dc along target {:.6f}   DSM has none\n", bias.esm.gradient.at("c").along("target").mean[0]);
}
