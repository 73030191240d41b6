// libpng's simplified interface: it neither jumps nor calls back, and knows of all the kinds of PNG that we need not know of.
#include "autograd/files/png.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "autograd/files/file.h"
#include "autograd/tensor/misfit.h"
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_PNG
#include <png.h>
#endif

namespace scoregrad {
namespace {

// What a pixel file may unpack to: 16,384 x 16,384 in RGB.
constexpr int64_t most_bytes = int64_t{3} << 28;

#if SCOREGRAD_HAVE_PNG

// Freed whatever happens.
struct Picture : png_image {
  Picture() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~Picture() { png_image_free(this); }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
};

// The levels of an image [c, h, w], pixel by pixel.
std::vector<unsigned char> levels_of(const Tensor& image, int64_t channels, Where at) {
  const std::vector<double> v = image.to_vector<double>();
  const size_t plane = v.size() / static_cast<size_t>(channels);
  std::vector<unsigned char> levels(v.size());
  for (size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) throw Error(at, fmt::format("save_png: pixel {} of the image is not a number", i % plane));
    const double level = std::floor(255 * std::fmin(std::fmax(v[i], 0), 1) + 0.5);
    levels[i % plane * static_cast<size_t>(channels) + i / plane] = static_cast<unsigned char>(level);
  }
  return levels;
}

std::string packed(const Tensor& image, Where at) {
  const Shape& s = image.shape();
  const int64_t channels = s.rank == 2 ? 1 : s[0];
  const auto levels = levels_of(image, channels, at);
  Picture p;
  p.width = static_cast<png_uint_32>(s.back(0));
  p.height = static_cast<png_uint_32>(s.back(1));
  p.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(p);
  std::string out(bytes, '\0');
  if (!png_image_write_to_memory(&p, out.data(), &bytes, 0, levels.data(), 0, nullptr))
    throw Error(at, fmt::format("save_png: {}", p.message));
  out.resize(bytes);
  return out;
}

Tensor unpacked(const std::string& bytes, const InputFile& file, Where at) {
  Picture p;
  if (!png_image_begin_read_from_memory(&p, bytes.data(), bytes.size())) file.refuse(fmt::format("not a PNG file: {}", p.message));
  if (p.format & PNG_FORMAT_FLAG_LINEAR) file.foreign("16 bits a channel are not read");
  const bool colour = p.format & PNG_FORMAT_FLAG_COLOR;
  const int64_t channels = colour ? 3 : 1, h = p.height, w = p.width;
  if (h * w > most_bytes / channels) file.refuse(fmt::format("{} x {} pixels are more than are read", h, w));
  p.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::vector<unsigned char> levels(static_cast<size_t>(channels * h * w));
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&p, &white, levels.data(), 0, nullptr)) file.refuse(fmt::format("damaged: {}", p.message));
  const Tensor y = allocate(at, {channels, h, w}, DType::float32, cpu);
  auto* out = reinterpret_cast<float*>(y.bytes());
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < h * w; ++i) *out++ = static_cast<float>(levels[static_cast<size_t>(i * channels + c)]) / 255;
  return y;
}

#else

std::string packed(const Tensor&, Where at) { throw Error(at, "save_png: built without libpng"); }
Tensor unpacked(const std::string&, const InputFile& file, Where) { file.refuse("built without libpng"); }

#endif

}  // namespace

std::string png_bytes(const Tensor& image, Where at) {
  const int rank = image.defined() ? image.rank() : 0;
  const bool fits = rank == 2 || (rank == 3 && (image.extent(0) == 1 || image.extent(0) == 3));
  if (!fits || image.numel() == 0 || image.numel() > most_bytes)
    throw misfit(at, "save_png", "the image", "[h, w], [1, h, w] or [3, h, w]", image);
  return packed(image, at);
}

void save_png(const std::string& path, const Tensor& image, Where at) {
  const std::string bytes = png_bytes(image, at);
  OutputFile file(path, "save_png", at);
  file.write(bytes.data(), bytes.size());
  file.finish();
}

Tensor load_png(const std::string& path, Where at) {
  InputFile file(path, "load_png", at);
  if (file.size() > most_bytes) file.refuse(fmt::format("{} bytes are more than are read", file.size()));
  return unpacked(file.text(file.size(), "the picture"), file, at);
}

}  // namespace scoregrad
