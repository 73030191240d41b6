// Bytes that deflate has packed, read back. Without zlib the constructor refuses.
#pragma once
#include <memory>

#include "autograd/files/file.h"

namespace scoregrad {

/// Deflate shrinks at most so many to one, so that a small file cannot make us allocate a lot.
constexpr int64_t deflate_ratio = 1032;
/// And what compressed data may unpack to unless a reader's caller says otherwise: 16 GiB.
constexpr int64_t unpacked_at_most = int64_t{1} << 34;

class Inflate {
 public:
  enum Wrapping {
    raw,
    gzip
  };  ///< a bare stream; or members of gzip one after another, each with its checksum, zeros between and after them
  /// Reads the next `packed` bytes of the file, which must outlive this.
  Inflate(InputFile& file, int64_t packed, Wrapping wrapping);
  ~Inflate();
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  /// So many bytes, less only at the end of the last member. Throws Error if they are damaged.
  int64_t read(void* to, int64_t bytes);
  /// Packed bytes that were not needed.
  int64_t left() const;

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace scoregrad
