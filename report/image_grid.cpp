#include "report/image_grid.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/files/png.h"
#include "autograd/ops/ops.h"
#include "autograd/tensor/misfit.h"
#include "scoregrad/config.h"

namespace scoregrad::report {
namespace {

constexpr double between = 0.8;

// RFC 4648, section 4.
std::string base64(const std::string& bytes) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    unsigned block = 0;
    for (size_t k = 0; k < 3; ++k) block = block << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= left ? letters[block >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

}  // namespace

Tensor image_grid(const Tensor& images, const GridOptions& o, Where at) {
  const CallerScope scope(at);
  const NoGrad guard;
  const int rank = images.defined() ? images.rank() : 0;
  if (!(rank == 3 || (rank == 4 && (images.extent(1) == 1 || images.extent(1) == 3))) || images.numel() == 0)
    throw misfit(at, "image_grid", "", "[n, h, w], [n, 1, h, w] or [n, 3, h, w]", images);
  if (o.columns < 0 || o.gap < 0 || !(o.black < o.white))
    throw Error(at, fmt::format("image_grid: {} columns, a gap of {}, black {} and white {}", o.columns, o.gap, o.black, o.white));
  const int64_t n = images.extent(0), h = images.extent(-2), w = images.extent(-1), channels = rank == 4 ? images.extent(1) : 1;
  const int64_t wide = o.columns > 0 ? std::min(o.columns, n) : static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  const int64_t high = (n + wide - 1) / wide;
  const Tensor pixels = (images.to(float64) - o.black) / (o.white - o.black);
  // A gap behind each image, below and to the right; the last one is cut off.
  const Tensor framed = pad(reshape(pixels, {n, channels, h, w}), {{0, high * wide - n}, {}, {0, o.gap}, {0, o.gap}}, between);
  const Tensor rows = reshape(framed, {high, wide, channels, h + o.gap, w + o.gap});
  const Tensor grid = reshape(permute(rows, {2, 0, 3, 1, 4}), {channels, high * (h + o.gap), wide * (w + o.gap)});
  const Tensor cut = slice(grid, {{}, {0, high * (h + o.gap) - o.gap}, {0, wide * (w + o.gap) - o.gap}});
  return contiguous(channels == 1 ? select(cut, 0, 0) : cut).to(images.dtype());
}

Figure image_figure(const Tensor& images, const std::string& caption, const std::string& alt, const GridOptions& options, int64_t zoom,
                    Where at) {
  const Tensor grid = image_grid(images, options, at);
  Figure figure{caption, alt};
  if constexpr (SCOREGRAD_HAVE_PNG) {
    const int64_t h = grid.extent(-2), w = grid.extent(-1);
    figure.svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{2}\"><image width=\"{0}\" height=\"{1}\" "
        "style=\"image-rendering: pixelated\" href=\"data:image/png;base64,{3}\"/></svg>\n",
        w, h, w * zoom, base64(png_bytes(grid, at)));
  }
  return figure;
}

}  // namespace scoregrad::report
