// An IDX file: two zero bytes, the element type, the rank, the extents and the elements, all big-endian.
#include "autograd/tensor/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "autograd/tensor/encoding.h"
#include "scoregrad/config.h"
#if SCOREGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

namespace scoregrad {
namespace {

// The file's bytes after decompression.
class Bytes {
 public:
  Bytes(const std::string& path, Where at) : file(path, "load_idx", at) {}
  virtual ~Bytes() = default;
  virtual void read(void* to, int64_t bytes) { file.read(to, bytes, "what the header announces"); }
  /// Refuses a file that cannot hold, or goes beyond, what its header announces.
  virtual void expect(int64_t bytes) {
    if (bytes != file.left()) file.refuse(fmt::format("the header announces {} bytes, the file has {}", bytes, file.left()));
  }
  virtual void end() {}
  InputFile file;
};

#if SCOREGRAD_HAVE_ZLIB
class Inflated final : public Bytes {
 public:
  Inflated(const std::string& path, Where at) : Bytes(path, at) {
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) file.refuse("zlib cannot be started");
  }
  ~Inflated() override { inflateEnd(&stream_); }

  void read(void* to, int64_t bytes) override {
    if (inflate_some(to, bytes) != bytes) file.refuse("truncated: the compressed data end before what the header announces");
  }
  // Deflate shrinks at most 1032 to 1, so that a small file cannot make us allocate a lot.
  void expect(int64_t bytes) override {
    if (bytes / 1032 > file.size())
      file.refuse(fmt::format("the header announces {} bytes, more than {} can unpack to", bytes, file.size()));
  }
  void end() override {
    char beyond;
    if (inflate_some(&beyond, 1) != 0) file.refuse("there are more elements than the header announces");
  }

 private:
  // Less than asked for only at the end of the last gzip member, after its checksum was compared.
  int64_t inflate_some(void* to, int64_t bytes) {
    stream_.next_out = static_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(bytes);
    while (stream_.avail_out > 0) {
      if (stream_.avail_in == 0 && file.left() > 0) {
        const int64_t n = std::min<int64_t>(file.left(), sizeof buffer_);
        file.read(buffer_, n, "compressed data");
        stream_.next_in = buffer_;
        stream_.avail_in = static_cast<uInt>(n);
      }
      if (ended_) {
        if (stream_.avail_in == 0) break;
        inflateReset(&stream_);
        ended_ = false;
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      ended_ = code == Z_STREAM_END;
      if (code != Z_OK && !ended_)
        file.refuse(code == Z_BUF_ERROR ? "truncated: the gzip stream has no end" : "the gzip stream is damaged");
    }
    return bytes - static_cast<int64_t>(stream_.avail_out);
  }
  z_stream stream_{};
  bool ended_ = false;
  unsigned char buffer_[1 << 14];
};
#endif

std::unique_ptr<Bytes> open(const std::string& path, Where at) {
  unsigned char start[2];
  auto plain = std::make_unique<Bytes>(path, at);
  plain->file.read(start, 2, "the magic number");
  if (start[0] != 0x1f || start[1] != 0x8b) return std::make_unique<Bytes>(path, at);
#if SCOREGRAD_HAVE_ZLIB
  return std::make_unique<Inflated>(path, at);
#else
  plain->file.refuse("compressed by gzip, which this build without zlib cannot read; unpack it first");
#endif
}

Encoding encoding_of(const InputFile& file, unsigned char code) {
  switch (code) {
    case 0x08:
      return {'u', 1, true};
    case 0x09:
      return {'i', 1, true};
    case 0x0b:
      return {'i', 2, true};
    case 0x0c:
      return {'i', 4, true};
    case 0x0d:
      return {'f', 4, true};
    case 0x0e:
      return {'f', 8, true};
    default:
      file.refuse(fmt::format("element type 0x{:02x} of IDX is unknown", code));
  }
}

}  // namespace

Tensor load_idx(const std::string& path, DType dtype, Where at) {
  const std::unique_ptr<Bytes> in = open(path, at);
  const InputFile& file = in->file;
  unsigned char start[4];
  in->read(start, 4);
  if (start[0] != 0 || start[1] != 0) file.refuse("not an IDX file: it does not begin with two zero bytes");
  const Encoding encoding = encoding_of(file, start[2]);
  if (start[3] < 1 || start[3] > max_rank) file.refuse(fmt::format("rank {} is not between 1 and {}", start[3], max_rank));
  if (dtype == DType::boolean || (encoding.kind == 'f' && dtype == DType::int64))
    file.refuse(fmt::format("its elements cannot be read as {}", name_of(dtype)));

  Shape shape;
  for (int i = 0; i < start[3]; ++i) {
    unsigned char e[4];
    in->read(e, 4);
    shape.push_back(static_cast<int64_t>(e[0]) << 24 | e[1] << 16 | e[2] << 8 | e[3]);
  }
  try {
    check_shape(at, "load_idx", shape);
  } catch (const Error&) {
    file.refuse(fmt::format("shape {} overflows", to_string(shape)));
  }
  in->expect(numel(shape) * encoding.size);
  const Tensor y = allocate(at, shape, dtype, cpu);
  decode_into(y, encoding, [&](void* to, int64_t n) { in->read(to, n); });
  in->end();
  return y;
}

}  // namespace scoregrad
