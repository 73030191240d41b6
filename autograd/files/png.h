// PNG files, 8 bits a channel, grey or RGB, by libpng.
#pragma once
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Writes an image: 0 is black, 1 full light, what lies beyond is cut off, and between them a pixel is rounded to one of 256 levels.
/// [h, w] or [1, h, w] in grey, [3, h, w] in RGB. Throws Error for other shapes, for a pixel that is not a number, if the file cannot be
/// written, or in a build without libpng.
void save_png(const std::string& path, const Tensor& image, Where at = Where::here());
/// The bytes of that file.
std::string png_bytes(const Tensor& image, Where at = Where::here());

/// Reads an image to the CPU, 0 .. 1 in float32: [1, h, w] if the file is grey, else [3, h, w]; what is transparent stands on white.
/// Throws Error naming the file if it is not a PNG file or has 16 bits a channel, or in a build without libpng.
Tensor load_png(const std::string& path, Where at = Where::here());

}  // namespace scoregrad
