// IDX files, the format of MNIST and its kin.   (yann.lecun.com/exdb/mnist)
#pragma once
#include "autograd/files/inflate.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// Reads an IDX file, plain or compressed by gzip, to the CPU. Values are the file's own: pixels are 0 .. 255, divide as you like; ask for
/// int64 to read labels. Compressed data may unpack to `most` bytes. Throws Error naming file and fault if it is not a complete IDX file,
/// or for gzip in a build without zlib.
Tensor load_idx(const std::string& path, DType dtype = DType::float32, int64_t most = unpacked_at_most, Where at = Where::here());

}  // namespace scoregrad
