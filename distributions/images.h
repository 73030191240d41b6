// Images as data: files of MNIST's kind, and digits that need no file.
#pragma once
#include <string>

#include "autograd/tensor/create.h"
#include "autograd/tensor/key.h"

namespace scoregrad::distributions {

struct Images {
  Tensor pixels;  ///< [n, height, width], 0 .. 1
  Tensor labels;  ///< int64 [n]

  /// A row an image.   [n, height width]
  Tensor rows(Where at = Where::here()) const;
};

/// A folder of MNIST's kind: {train,t10k}-images-idx3-ubyte and -labels-idx1-ubyte, plain or .gz. Throws Error where the files are missing
/// or do not belong together.
Images load_images(const std::string& folder, bool train = true, Options options = {}, Where at = Where::here());

/// All PNG files of a folder in the order of their names, 0 .. 1. Throws Error naming the file that is not like the first one, and if there
/// are none.   [n, c, h, w], c 1 or 3
Tensor load_pngs(const std::string& folder, Options options = {}, Where at = Where::here());

/// Where Debian's package dataset-fashion-mnist puts its files.
constexpr const char* fashion_mnist_folder = "/usr/share/datasets/fashion-mnist";
/// True if that package is installed.
bool has_fashion_mnist();
/// 60000 (or 10000) pictures of clothes in ten classes, 28 x 28   (Xiao, Rasul & Vollgraf 2017). Throws Error naming the package if it is
/// not installed.
Images fashion_mnist(bool train = true, Options options = {}, Where at = Where::here());

/// Images of another size, each pixel the mean over the area that it covers; differentiable, and keeps the mean of each image. MNIST's
/// digits become 8 x 8 so.   [.., h, w] -> [.., height, width], not larger than h, w
Tensor shrunk(const Tensor& images, int64_t height, int64_t width, Where at = Where::here());

/// n digits of 8 x 8 pixels without any file: the ten glyphs of a 5 x 7 dot matrix, each at a place and a brightness of its own.
Images drawn_digits(int64_t n, const Key& key, Options options = {}, Where at = Where::here());

}  // namespace scoregrad::distributions
