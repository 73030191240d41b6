// A network that draws, trained on a folder of PNG files of one size, watched while it learns and judged:
//   16_images [folder [checkpoint.safetensors [grid.png]]]
// Without a folder it learns drawn digits. With a checkpoint an interrupted run goes on.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;
namespace smp = sg::samplers;

int main(int argc, char** argv) {
  const sg::Key key(5);
  const sg::Tensor pixels =
      argc > 1 ? sg::distributions::load_pngs(argv[1]) : sg::unsqueeze(sg::distributions::drawn_digits(4000, key.fold("data")).pixels, 1);
  const sg::Tensor images = 2 * pixels - 1;  // [n, c, h, w]
  const sg::nn::UNetOptions shape{.channels = images.extent(1), .widths = {8, 16}, .embedding = 16, .groups = 4};
  const sg::nn::Preconditioned<sg::nn::UNet> net{sg::nn::UNet(shape, key.fold("net")), 0.7};
  sg::nn::Adam adam(sg::nn::parameters(net), {.rate = 5e-3});
  sg::nn::EMA ema(adam.parameters(), {.decay = 0.99, .growth = 5});
  sg::nn::Loader loader({images}, {.batch = 32, .drop_last = true}, key.fold("order"));
  const smp::Edm noise{.sigma_min = 0.02, .sigma_max = 20};
  const auto step = [&](const sg::Tensors& batch, const sg::Key& k) {
    const sg::Tensor sigma = noise.levels(32, k.fold("sigma")), eps = sg::normal(batch[0].shape(), k.fold("eps"));
    const sg::Tensor s = net(batch[0] + sg::reshape(sigma, {-1, 1, 1, 1}) * eps, sigma);
    const sg::Tensor weight = sg::losses::weighting::edm(0.7)({sg::ones_like(sigma), sigma, 2 * sigma});
    const sg::Tensor loss = sg::mean(weight * sg::losses::dsm(sg::flatten(s, 1), sg::flatten(eps, 1), sigma));
    adam.step(sg::nn::clipped(sg::grad(loss, adam.parameters()), 1));
    ema.update();
    return loss / s[0].numel();  // per pixel
  };
  const auto watch = [&](int64_t i, const std::vector<double>& numbers) {
    const auto as_average = ema.swapped();
    const sg::Tensor start = noise.sigma_max * sg::normal({200, images.extent(1), images.extent(2), images.extent(3)}, key.fold("start"));
    const sg::Tensor drawn = smp::heun(net, start, {.sigmas = noise.ladder(12)}, key.fold("draw")).x;
    if (argc > 3) sg::save_png(argv[3], sg::report::image_grid(drawn, {.columns = 20, .black = -1}));
    const auto features = [](const sg::Tensor& x) { return sg::flatten(sg::distributions::shrunk(x, 4, 4), 1); };
    const smp::FrechetDistance d = smp::frechet_distance(features(drawn), features(images), key.fold("judge"));
    fmt::print("step {:3}: loss {:.2f}, Frechet distance {:.3f} +- {:.3f}; a perfect sampler has {:.3f}\n", i, numbers[0], d.value, d.error,
               d.floor);
  };
  sg::nn::TrainOptions how{.steps = 300, .state = {{"net", net}, {"adam", adam}, {"ema", ema}}, .observe = watch, .observe_every = 100};
  how.batch = [&](int64_t i) { return loader.batch(i); };
  if (argc > 2) how.checkpoint = argv[2];
  sg::nn::train(step, how, key);
}
