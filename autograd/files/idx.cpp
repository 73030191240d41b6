// An IDX file: two zero bytes, the element type, the rank, the extents and the elements, all big-endian.
#include "autograd/files/idx.h"

#include <fmt/format.h>

#include <optional>

#include "autograd/files/encoding.h"
#include "autograd/files/inflate.h"

namespace scoregrad {
namespace {

// The file's bytes after decompression.
class Bytes {
 public:
  Bytes(const std::string& path, Where at) : file(path, "load_idx", at) {
    unsigned char start[2];
    file.read(start, 2, "the magic number");
    file.seek(0);
    if (start[0] == 0x1f && start[1] == 0x8b) packed_.emplace(file, file.size(), Inflate::gzip);
  }
  void read(void* to, int64_t bytes) {
    if (!packed_)
      file.read(to, bytes, "what the header announces");
    else if (packed_->read(to, bytes) != bytes)
      file.refuse("truncated: the compressed data end before what the header announces");
  }
  /// Refuses a file that cannot hold, or goes beyond, what its header announces.
  void expect(int64_t bytes, int64_t most) const {
    if (packed_ && bytes > most) file.refuse(fmt::format("the header announces {} bytes, {} are allowed when unpacked", bytes, most));
    if (packed_ && bytes / deflate_ratio > file.size())
      file.refuse(fmt::format("the header announces {} bytes, more than {} can unpack to", bytes, file.size()));
    if (!packed_ && bytes != file.left()) file.refuse(fmt::format("the header announces {} bytes, the file has {}", bytes, file.left()));
  }
  void end() {
    char beyond;
    if (packed_ && packed_->read(&beyond, 1) != 0) file.refuse("there are more elements than the header announces");
  }
  InputFile file;

 private:
  std::optional<Inflate> packed_;
};

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

Tensor load_idx(const std::string& path, DType dtype, int64_t most, Where at) {
  Bytes in(path, at);
  const InputFile& file = in.file;
  unsigned char start[4];
  in.read(start, 4);
  if (start[0] != 0 || start[1] != 0) file.refuse("not an IDX file: it does not begin with two zero bytes");
  const Encoding encoding = encoding_of(file, start[2]);
  if (start[3] < 1 || start[3] > max_rank) file.refuse(fmt::format("rank {} is not between 1 and {}", start[3], max_rank));
  if (dtype == DType::boolean || (encoding.kind == 'f' && dtype == DType::int64))
    file.refuse(fmt::format("its elements cannot be read as {}", name_of(dtype)));

  Shape shape;
  for (int i = 0; i < start[3]; ++i) {
    unsigned char e[4];
    in.read(e, 4);
    shape.push_back(static_cast<int64_t>(e[0]) << 24 | e[1] << 16 | e[2] << 8 | e[3]);
  }
  try {
    check_shape(at, "load_idx", shape);
  } catch (const Error&) {
    file.refuse(fmt::format("shape {} overflows", to_string(shape)));
  }
  in.expect(numel(shape) * encoding.size, most);
  const Tensor y = allocate(at, shape, dtype, cpu);
  decode_into(file, y, encoding, [&](void* to, int64_t n) { in.read(to, n); });
  in.end();
  return y;
}

}  // namespace scoregrad
