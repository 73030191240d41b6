// Your own data, encoder and network: c = f(x) + 0.5 eta over a finite data set, whose law given a code is known exactly. The network's
// gradient is the same for DSM and ESM, the encoder's is not, and the difference is the gradient of -C2.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace dist = sg::distributions;

int main() {
  const sg::Options wide{sg::float64};
  const sg::Key key(2);
  const sg::Tensor points = sg::normal({12, 1}, key.fold("data"), wide);  // or sg::load_npy("points.npy")
  const sg::nn::MLP encode({1, 8, 1}, sg::nn::tanh, key.fold("encoder"), wide), net({2, 16, 1}, sg::nn::silu, key.fold("net"), wide);
  const dist::NoisyEncoder setup{.data = {.points = points}, .encode = encode, .tau = 0.5};
  const auto score = [&](const sg::Tensor& xt, const sg::Tensor& c) { return net(sg::concat({xt, c}, 1)); };

  const auto bias = sg::losses::decompose(
      score, setup, {.sigma = 0.7, .rule = dist::quadrature::trapezoid(8, 0.2), .wrt = {{"phi", encode}, {"theta", net}}});
  fmt::print("{}", bias);
  const auto norm = [](const sg::losses::Term& t, const char* name) { return t.gradient.at(name).total.norm(); };
  fmt::print("\n|d/dtheta| DSM {:.6f}  ESM {:.6f}\n", norm(bias.dsm, "theta"), norm(bias.esm, "theta"));
  fmt::print("|d/dphi|   DSM {:.6f}  ESM {:.6f}  C2 {:.6f}\n", norm(bias.dsm, "phi"), norm(bias.esm, "phi"), norm(bias.c2, "phi"));
}
