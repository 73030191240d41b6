// The smallest U-shaped score network.
#pragma once
#include "nn/conv.h"
#include "nn/linear.h"

namespace scoregrad::nn {

/// h = silu(in(x) (1 + f) + g) with f, g = film(c);  s = out([h, up(silu(down(h)))]) / sigma, where down halves height and width and up
/// repeats each pixel. What the network is to know of sigma stands in c, such as log sigma.
/// x [n, channels, h, w], sigma [n] or 0-d, c [n, m] -> [n, channels, h, w]
struct ConvScore {
  Conv2d in;    ///< channels -> width
  Linear film;  ///< m -> 2 width: the factors, then the shifts
  Conv2d down;  ///< width -> width, stride 2
  Conv2d out;   ///< 2 width -> channels

  ConvScore() = default;
  /// 3 x 3 convolutions.
  ConvScore(int64_t channels, int64_t width, int64_t conditions, const Key& key, Options options = {}, Where at = Where::here());
  ConvScore(Conv2d in_, Linear film_, Conv2d down_, Conv2d out_)
      : in(std::move(in_)), film(std::move(film_)), down(std::move(down_)), out(std::move(out_)) {}

  Tensor operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("in", m.in);
    visit("film", m.film);
    visit("down", m.down);
    visit("out", m.out);
  }
};

}  // namespace scoregrad::nn
