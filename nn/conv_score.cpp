#include "nn/conv_score.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "nn/fits.h"
#include "nn/pixels.h"

namespace scoregrad::nn {

ConvScore::ConvScore(int64_t channels, int64_t width, int64_t conditions, const Key& key, Options options, Where at)
    : in(channels, width, 3, {.padding = 1}, key.fold("in"), options, at),
      film(conditions, 2 * width, key.fold("film"), options, at),
      down(width, width, 3, {.stride = 2, .padding = 1}, key.fold("down"), options, at),
      out(2 * width, channels, 3, {.padding = 1}, key.fold("out"), options, at) {}

Tensor ConvScore::operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, Where at) const {
  const CallerScope scope(at);
  if (x.rank() != 4 || c.rank() != 2 || sigma.rank() > 1)
    throw misfit(at, "ConvScore", "x, sigma and c", "[n, channels, h, w], [n] or one number, [n, m]", extents_of({x, sigma, c}));
  check_beside("ConvScore", "sigma", sigma, sigma.rank(), x, at);
  check_beside("ConvScore", "a condition", c, 1, x, at);
  check_levels("ConvScore", sigma, at);
  const auto against_pixels = [](const Tensor& v) { return unsqueeze(unsqueeze(v, -1), -1); };
  const Tensor h = in(x), f = against_pixels(film(c));
  const int64_t width = h.extent(1);
  const Tensor conditioned = silu(h * (slice_axis(f, 1, 0, width) + 1) + slice_axis(f, 1, width, 2 * width));
  const Tensor up = doubled(silu(down(conditioned)), x);
  return out(concat({conditioned, up}, 1)) / (sigma.rank() == 0 ? sigma : reshape(sigma, {-1, 1, 1, 1}));
}

}  // namespace scoregrad::nn
