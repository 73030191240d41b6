// A score model of your own data, trained, averaged and taken apart:  10_your_own_data points.npy [checkpoint.safetensors]
// The array is [n, ..], a row a datum; without one a ring of points is made. With a checkpoint an interrupted run goes on.
#include <scoregrad.h>
#include <scoregrad/fmt.h>

#include <filesystem>
namespace sg = scoregrad;
namespace dist = sg::distributions;

int main(int argc, char** argv) {
  const sg::Options wide{sg::float64};
  const sg::Key key(4);
  std::string path = argc > 1 ? argv[1] : (std::filesystem::temp_directory_path() / "scoregrad-ring.npy").string();
  if (argc < 2) {
    const sg::Tensor angle = 6.283185307 * sg::uniform({100}, key.fold("angle"), wide);
    sg::save_npy(path, sg::stack({sg::cos(angle), sg::sin(angle)}, 1) + 0.1 * sg::normal({100, 2}, key.fold("width"), wide));
  }
  const sg::Tensor raw = sg::flatten(sg::load_npy(path).to(wide.dtype).to(wide.device), 1);
  const sg::Tensor points = (raw - sg::mean(raw, {0})) / sg::sqrt(sg::var(raw, {0}) + 1e-12);
  const int64_t d = points.extent(1);
  const double sigma = 0.5;
  const sg::nn::MLP encode({d, 8, 1}, sg::nn::tanh, key.fold("encoder"), wide),
      net({d + 1, 32, 32, d}, sg::nn::silu, key.fold("net"), wide);
  const dist::NoisyEncoder data{.data = {.points = points}, .encode = encode, .tau = 0.3};  // the condition: c = encode(x) + 0.3 eta
  const auto score = [&](const sg::Tensor& xt, const sg::Tensor& c) { return net(sg::concat({xt, c}, 1)) / sigma; };

  const sg::Tensors theta = sg::nn::parameters(net);
  sg::nn::AdamW adam(theta, {.rate = sg::nn::schedule::warm_up(20, sg::nn::schedule::cosine(0.01, 400))});
  sg::nn::EMA ema(theta, {.decay = 0.98});
  const auto step = [&](const sg::Tensors&, const sg::Key& k) {  // a function of tensors: it is compiled
    const auto [x, c] = data.sample(128, k.fold("data"));
    const sg::Tensor eps = sg::normal(x.shape(), k.fold("eps"), wide);
    const sg::Tensor loss = sg::mean(sg::losses::dsm(score(x + sigma * eps, c.detach()), eps, sigma));
    adam.step(sg::nn::clipped(sg::grad(loss, theta), 1));
    ema.update();
    return loss;
  };
  sg::nn::train(step, {.steps = 400, .state = {{"net", net}, {"adam", adam}, {"ema", ema}}, .checkpoint = argc > 2 ? argv[2] : ""}, key);
  const auto as_average = ema.swapped();
  fmt::print("{}", sg::losses::decompose(score, data, {.sigma = sigma, .samples = 16384, .wrt = {{"phi", encode}, {"theta", net}}}, key));
}
