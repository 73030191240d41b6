// NumPy's .npy files.   (format: numpy.lib.format, versions 1.0 to 3.0)
#pragma once
#include "autograd/files/file.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Writes x as little-endian C-order .npy version 1.0; the file appears complete or not at all. Throws Error if it cannot be written.
void save_npy(const std::string& path, const Tensor& x, Where at = Where::here());

/// Reads a .npy file to the CPU. f4, f8, i8 and b1 keep their type; f2 becomes float32, other integers int64, u8 too if its values fit;
/// both byte orders and both element orders are read, and headers that Python 2 wrote. Throws Error naming file and fault if it is not a
/// complete .npy file of these.
Tensor load_npy(const std::string& path, Where at = Where::here());

/// What stands before the elements.
std::string npy_header(const Tensor& x);
/// The same from bytes that are open already; they end with the last element. Throws Foreign for elements of another kind.
Tensor read_npy(ByteSource& source, Where at = Where::here());

}  // namespace scoregrad
