#include "distributions/images.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "autograd/files/idx.h"
#include "autograd/files/png.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad::distributions {
namespace {

// name or name.gz, whichever is there.
std::string found(const std::string& folder, const std::string& name, Where at) {
  for (const char* ending : {"", ".gz"}) {
    const std::string path = (std::filesystem::path(folder) / (name + ending)).string();
    std::error_code unknown;
    if (std::filesystem::exists(path, unknown)) return path;
  }
  throw Error(at, fmt::format("load_images: '{}' has neither {} nor {}.gz", folder, name, name));
}

// Row i holds the share of each of n pixels in the i-th of m equal intervals.   [m, n]
Tensor shares(int64_t m, int64_t n, Options options) {
  std::vector<double> w;
  const double width = static_cast<double>(n) / static_cast<double>(m);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t k = 0; k < n; ++k) {
      const double begin = static_cast<double>(i) * width, pixel = static_cast<double>(k);
      w.push_back(std::max(0.0, std::min(begin + width, pixel + 1) - std::max(begin, pixel)) / width);
    }
  return from(w, {m, n}, options);
}

// A row a glyph: seven lines of five dots, the leftmost dot the highest bit.
constexpr unsigned char glyphs[10][7] = {{14, 17, 19, 21, 25, 17, 14}, {4, 12, 4, 4, 4, 4, 14},  {14, 17, 1, 2, 4, 8, 31},
                                         {31, 2, 4, 2, 1, 17, 14},     {2, 6, 10, 18, 31, 2, 2}, {31, 16, 30, 1, 1, 17, 14},
                                         {6, 8, 16, 30, 17, 17, 14},   {31, 1, 2, 4, 8, 8, 8},   {14, 17, 17, 14, 17, 17, 14},
                                         {14, 17, 17, 15, 1, 2, 12}};

// Spreads `dots` over 8 pixels at a place that need not be whole: the hat 1 - |pixel - dot - place| where positive.   place [n] -> [n, 8,
// dots]
Tensor placed(const Tensor& place, int64_t dots) {
  const Tensor grid = unsqueeze(arange(0, 8, 1, like(place)), 1) - arange(0, static_cast<double>(dots), 1, like(place));
  return relu(1 - abs(grid - reshape(place, {-1, 1, 1})));
}

}  // namespace

Tensor Images::rows(Where at) const { return flatten(Operand(pixels, at.file, at.line), 1); }

Images load_images(const std::string& folder, bool train, Options options, Where at) {
  const std::string start = train ? "train-" : "t10k-";
  const std::string pictures = found(folder, start + "images-idx3-ubyte", at), names = found(folder, start + "labels-idx1-ubyte", at);
  const Tensor pixels = load_idx(pictures, options.dtype, unpacked_at_most, at),
               labels = load_idx(names, DType::int64, unpacked_at_most, at);
  if (pixels.rank() != 3 || labels.rank() != 1 || pixels.shape()[0] != labels.shape()[0])
    throw misfit(at, "load_images", fmt::format("images and labels of '{}'", folder), "[n, h, w] and [n]", extents_of({pixels, labels}));
  return {pixels.to(options.device) / 255, labels.to(options.device)};
}

Tensor load_pngs(const std::string& folder, Options options, Where at) {
  std::vector<std::string> paths;
  std::error_code fault;
  for (const auto& entry : std::filesystem::directory_iterator(folder, fault))
    if (entry.path().extension() == ".png") paths.push_back(entry.path().string());
  if (fault) throw Error(at, fmt::format("load_pngs: '{}': {}", folder, fault.message()));
  if (paths.empty()) throw Error(at, fmt::format("load_pngs: '{}' has no file whose name ends in .png", folder));
  std::sort(paths.begin(), paths.end());
  Tensors images;
  for (const std::string& path : paths) {
    images.push_back(load_png(path, at));
    if (images.back().shape() != images.front().shape())
      throw misfit(at, "load_pngs", fmt::format("'{}'", path), images.front(), images.back());
  }
  return stack(images, 0, at).to(options.dtype).to(options.device);
}

bool has_fashion_mnist() {
  std::error_code unknown;
  return std::filesystem::is_directory(fashion_mnist_folder, unknown);
}

Images fashion_mnist(bool train, Options options, Where at) {
  if (!has_fashion_mnist())
    throw Error(at, fmt::format("fashion_mnist: there is no {}; install Debian's package dataset-fashion-mnist", fashion_mnist_folder));
  return load_images(fashion_mnist_folder, train, options, at);
}

Tensor shrunk(const Tensor& images, int64_t height, int64_t width, Where at) {
  const CallerScope scope(at);
  const int64_t h = images.extent(-2, at), w = images.extent(-1, at);
  if (height < 1 || width < 1 || height > h || width > w)
    throw Error(at, fmt::format("shrunk: {} x {} pixels cannot become {} x {}", h, w, height, width));
  return matmul(matmul(shares(height, h, like(images)), images), transpose(shares(width, w, like(images))));
}

Images drawn_digits(int64_t n, const Key& key, Options options, Where at) {
  const CallerScope scope(at);
  if (n < 0) throw Error(at, fmt::format("drawn_digits: {} digits", n));
  std::vector<double> dots;
  for (const auto& glyph : glyphs)
    for (unsigned char line : glyph)
      for (int bit = 4; bit >= 0; --bit) dots.push_back(line >> bit & 1);
  const Tensor labels = integers(0, 10, {n}, key.fold("label"), {DType::int64, options.device});
  const Tensor glyph = index_select(from(dots, {10, 7, 5}, options), 0, labels);
  const Tensor down = placed(uniform({n}, key.fold("down"), options), 7), right = placed(3 * uniform({n}, key.fold("right"), options), 5);
  const Tensor light = 0.6 + 0.4 * uniform({n, 1, 1}, key.fold("light"), options);
  return {light * matmul(matmul(down, glyph), transpose(right)), labels};
}

}  // namespace scoregrad::distributions
