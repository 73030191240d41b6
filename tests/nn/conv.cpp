// The convolutional layers and networks: what they compute, what they refuse, and that every parameter is reached.
#include "nn/conv.h"

#include "autograd/graph/gradient.h"
#include "nn/conv_score.h"
#include "nn/norm.h"
#include "nn/residual.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};

// The gradient of mean f^2 to all parameters along one direction, against central differences.
template <class M, class F>
void check_parameters(const M& m, const F& f) {
  const Tensors p = nn::parameters(m);
  const auto loss = [&] { return mean(square(f())); };
  const Tensors g = grad(loss(), p);
  const NoGrad plain;
  double slope = 0;
  Tensors before, directions;
  for (size_t i = 0; i < p.size(); ++i) {
    CHECK(sum(square(g[i])).item() > 0);
    before.push_back(clone(p[i]));
    directions.push_back(normal(p[i].shape(), Key(9).fold(i), f64));
    slope += sum(g[i] * directions[i]).item();
  }
  const double h = 1e-5;
  const auto at = [&](double step) {
    for (size_t i = 0; i < p.size(); ++i) copy_(p[i], before[i] + step * directions[i]);
    return loss().item();
  };
  CHECK(apart((at(h) - at(-h)) / (2 * h), slope) < 1e-6);
}

}  // namespace

TEST_CASE("a convolutional layer adds its bias to each output channel") {
  const nn::Conv2d layer(ones({2, 1, 2, 2}, f64), from({10, -10}, f64), {.stride = 2});
  const Tensor y = layer(from({1, 2, 3, 4}, {1, 1, 2, 2}, f64));
  CHECK(apart(y, from({20, 0}, {1, 2, 1, 1}, f64)) == 0);
  const nn::Conv1d plain(ones({1, 1, 2}, f64), {});
  CHECK(apart(plain(from({1, 2, 3}, {1, 1, 3}, f64)), from({3, 5}, {1, 1, 2}, f64)) == 0);
  const nn::ConvTranspose1d wide(from({1, 2}, {1, 1, 2}, f64), from({0.5}, f64), {.stride = 2}, 1);
  CHECK(apart(wide(from({1, 3}, {1, 1, 2}, f64)), from({1.5, 2.5, 3.5, 6.5, 0.5}, {1, 1, 5}, f64)) == 0);
}

TEST_CASE("fresh convolutions are uniform within one over the root of what an output reads") {
  const nn::Conv2d layer(8, 6, {3, 5}, {.groups = 2}, Key(1));
  CHECK(layer.weight.shape() == Shape{6, 4, 3, 5});
  const double largest = max(abs(layer.weight)).item(), bound = 1 / std::sqrt(60.0);
  CHECK(largest <= bound);
  CHECK(largest > 0.95 * bound);
  CHECK(nn::ConvTranspose2d(8, 6, 3, {.groups = 2}, Key(1)).weight.shape() == Shape{8, 3, 3, 3});
  CHECK(nn::Conv1d(2, 3, 4, {}, Key(1)).weight.shape() == Shape{3, 2, 4});
  CHECK_THROWS_AS(nn::Conv2d(3, 4, 3, {.groups = 2}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Conv2d(3, 4, 0, {}, Key(1)), Error);
  CHECK_THROWS_AS(nn::Conv1d(3, 4, {3, 3}, {}, Key(1)), Error);
}

TEST_CASE("a norm layer starts as the plain norm, and an instance norm is one group a channel") {
  const Tensor x = normal({3, 4, 5}, Key(2), f64);
  const Tensor y = nn::LayerNorm(5, f64)(x);
  CHECK(apart(mean(y, {2}), zeros({3, 4}, f64)) < 1e-15);
  CHECK(apart(var(y, {2}, 0), ones({3, 4}, f64)) < 1e-4);  // eps
  const nn::GroupNorm each(4, 4, f64);
  CHECK(apart(each(x), instance_norm(x, ones({4}, f64), zeros({4}, f64))) == 0);
  CHECK(apart(mean(nn::GroupNorm(2, 4, f64)(x), {1, 2}), zeros({3}, f64)) < 1e-15);
  CHECK_THROWS_AS(nn::GroupNorm(3, 4), Error);
  CHECK_THROWS_AS(instance_norm(zeros({3, 4}), ones({4}), zeros({4})), Error);
}

TEST_CASE("a residual block adds what it learns to its input, through a projection where channels change") {
  const Tensor x = normal({2, 4, 5, 5}, Key(2), f64), t = normal({2, 3}, Key(3), f64);
  const nn::ResidualBlock same(4, 4, 3, 2, Key(1), f64), wider(4, 6, 0, 2, Key(1), f64);
  CHECK(nn::parameters(same).size() == 10);
  check_parameters(same, [&] { return same(x, t); });
  check_parameters(wider, [&] { return wider(x); });
  CHECK(wider(x).shape() == Shape{2, 6, 5, 5});
  CHECK_THROWS_AS(same(x), Error);
  CHECK_THROWS_AS(wider(x, t), Error);
}

TEST_CASE("a convolutional score network keeps extents, odd ones too, and reaches all its parameters") {
  const nn::ConvScore net(2, 4, 3, Key(1), f64);
  const Tensor x = normal({2, 2, 5, 7}, Key(2), f64), c = normal({2, 3}, Key(3), f64), sigma = from({0.5, 2}, f64);
  CHECK(net(x, sigma, c).shape() == x.shape());
  check_parameters(net, [&] { return net(x, sigma, c); });
  // sigma divides, image by image
  const Tensor once = net(x, scalar(1, f64), c), each = net(x, sigma, c);
  CHECK(apart(each * reshape(sigma, {2, 1, 1, 1}), once) < 1e-15);
}
