// The U-shaped network: extents, conditions, that every parameter is reached, and that it learns.
#include "nn/unet.h"

#include "autograd/graph/gradient.h"
#include "losses/score_matching.h"
#include "nn/optimiser.h"
#include "nn/score.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};
const nn::UNetOptions small{.widths = {4, 6}, .heads = 2, .embedding = 8, .condition = 3, .features = 4, .groups = 2};

struct WithoutKey {
  Tensor operator()(const Tensor& y, const Tensor&, const Tensor&) const { return y; }
  static void fields(auto&, auto) {}
};

}  // namespace

TEST_CASE("a U-Net keeps the extents of any image and is told of noise and condition") {
  const nn::UNet net(small, Key(1), f64);
  const Tensor x = normal({2, 1, 5, 7}, Key(2), f64), noise = from({0.1, 0.5}, f64), c = normal({2, 3}, Key(3), f64);
  const Tensor y = net(x, noise, c);
  REQUIRE(y.shape() == x.shape());
  CHECK(apart(net(x, from({0.1, 0.6}, f64), c), y) > 1e-3);
  CHECK(apart(net(x, noise, c * 2), y) > 1e-3);
  // each image by itself; one level and one condition may serve all
  const Tensor second = net(slice_axis(x, 0, 1, 2), scalar(0.5, f64), select(c, 0, 1));
  CHECK(apart(second, slice_axis(y, 0, 1, 2)) < 1e-13);
  CHECK_THROWS_AS(net(x, noise), Error);
  CHECK_THROWS_AS(net(x, from({1, 2, 3}, f64), c), Error);
  CHECK_THROWS_AS(nn::UNet({.widths = {6}, .groups = 4}, Key(1)), Error);
  CHECK_THROWS_AS(nn::UNet({.widths = {}}, Key(1)), Error);
}

TEST_CASE("every parameter of a U-Net is reached, with the gradient that central differences give") {
  nn::UNetOptions how = small;
  how.widths = {2, 4, 4};
  how.blocks = 2;
  how.groups = 1;  // a channel that is normalised alone would not feel the bias before it
  const nn::UNet net(how, Key(1), f64);
  const Tensor x = normal({2, 1, 6, 5}, Key(2), f64), noise = from({0.1, 0.5}, f64), c = normal({2, 3}, Key(3), f64);
  const auto loss = [&] { return mean(square(net(x, noise, c))); };
  const Tensors p = nn::parameters(net), g = grad(loss(), p);
  const NoGrad plain;
  double slope = 0;
  Tensors before, directions;
  for (size_t i = 0; i < p.size(); ++i) {
    CHECK(sum(square(g[i])).item() > 0);
    before.push_back(clone(p[i]));
    directions.push_back(normal(p[i].shape(), Key(9).fold(i), f64));
    slope += sum(g[i] * directions[i]).item();
  }
  const auto at = [&](double step) {
    for (size_t i = 0; i < p.size(); ++i) copy_(p[i], before[i] + step * directions[i]);
    return loss().item();
  };
  CHECK(apart((at(1e-5) - at(-1e-5)) / 2e-5, slope) < 1e-6);
}

TEST_CASE("a preconditioned U-Net learns to denoise an image") {
  const nn::Preconditioned<nn::UNet> score{nn::UNet({.widths = {8, 8}, .embedding = 16, .groups = 2}, Key(1)), 0.5};
  const Tensor image = reshape(sin(arange(0, 36, 1)) * 0.7, {1, 1, 6, 6}), x = broadcast_to(image, {16, 1, 6, 6});
  const Tensor sigma = exp(linspace(-2, 0.5, 16));
  nn::Adam adam(nn::parameters(score), {.rate = 5e-3});
  const auto loss = [&](const Key& key) {
    const Tensor eps = normal(x.shape(), key), xt = x + reshape(sigma, {16, 1, 1, 1}) * eps;
    return mean(square(sigma) * losses::dsm(flatten(score(xt, sigma), 1), flatten(eps, 1), sigma));
  };
  const double first = loss(Key(5)).item();
  for (int i = 0; i < 40; ++i) adam.step(grad(loss(Key(6).fold(i)), adam.parameters()));
  CHECK(loss(Key(5)).item() < 0.5 * first);
}

TEST_CASE("a residual block drops between its second norm and its second convolution, with a key alone") {
  nn::ResidualBlock block(2, 2, 0, 1, Key(1), f64);
  block.dropout = nn::Dropout(0.5);
  const Tensor x = normal({3, 2, 4, 4}, Key(2), f64);
  const Tensor inside = silu(block.norm2(block.conv1(silu(block.norm1(x)))));
  CHECK(apart(block(x), x + block.conv2(inside)) < 1e-14);
  const Tensor kept = (uniform(inside.shape(), Key(3), f64) >= 0.5).to(float64);
  CHECK(apart(block(x, {}, Key(3)), x + block.conv2(2 * kept * inside)) < 1e-14);
}

TEST_CASE("each block of a U-Net drops by a key of its own, also through Preconditioned; evaluation drops nothing") {
  nn::UNetOptions how = small;
  const nn::UNet plain(how, Key(1), f64);
  how.dropout = 0.3;
  const nn::Preconditioned<nn::UNet> net{nn::UNet(how, Key(1), f64), 0.7}, same{plain, 0.7};
  const Tensor x = normal({2, 1, 5, 7}, Key(2), f64), sigma = from({0.4, 1.5}, f64), c = normal({2, 3}, Key(3), f64);
  CHECK(apart(net(x, sigma, c), same(x, sigma, c)) == 0);
  const Tensor one = net(x, sigma, {.condition = c, .dropout = Key(4)});
  CHECK(apart(net(x, sigma, {.condition = c, .dropout = Key(4)}), one) == 0);
  CHECK(apart(net(x, sigma, {.condition = c, .dropout = Key(5)}), one) > 1e-3);
  CHECK(apart(one, net(x, sigma, c)) > 1e-3);
  // s = (D - x) / sigma^2 for the same key.
  const Tensor s2 = reshape(square(sigma), {2, 1, 1, 1});
  CHECK(apart((net.denoised(x, sigma, {.condition = c, .dropout = Key(4)}) - x) / s2, one) < 1e-12);
  CHECK_THROWS_AS(nn::UNet({.groups = 4, .dropout = 1}, Key(1)), Error);

  const nn::Preconditioned<WithoutKey> deaf{{}, 0.7};
  CHECK_THROWS_AS(deaf(x, sigma, {.dropout = Key(4)}), Error);
}
