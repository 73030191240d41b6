#include "autograd/files/inflate.h"

#include <algorithm>

#include "scoregrad/config.h"
#if SCOREGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

namespace scoregrad {

#if SCOREGRAD_HAVE_ZLIB
struct Inflate::Stream {
  InputFile& file;
  int64_t packed;  // not yet taken from the file
  Wrapping wrapping;
  z_stream z{};
  bool ended = false;
  unsigned char buffer[1 << 14];

  Stream(InputFile& file_, int64_t packed_, Wrapping wrapping_) : file(file_), packed(packed_), wrapping(wrapping_) {
    if (inflateInit2(&z, wrapping == gzip ? 16 + MAX_WBITS : -MAX_WBITS) != Z_OK) file.refuse("zlib cannot be started");
  }
  ~Stream() { inflateEnd(&z); }

  void fill() {
    const int64_t n = std::min<int64_t>(packed, sizeof buffer);
    file.read(buffer, n, "compressed data");
    packed -= n;
    z.next_in = buffer;
    z.avail_in = static_cast<uInt>(n);
  }
  int64_t read(void* to, int64_t bytes) {
    int64_t done = 0;
    while (done < bytes) {
      if (z.avail_in == 0 && packed > 0) fill();
      if (ended) {
        // Tapes and block devices fill up with zeros, which gzip passes over too.
        while (wrapping == gzip && z.avail_in > 0 && *z.next_in == 0) {
          ++z.next_in;
          if (--z.avail_in == 0 && packed > 0) fill();
        }
        if (z.avail_in == 0 || wrapping == raw) break;
        inflateReset(&z);
        ended = false;
      }
      const auto piece = static_cast<uInt>(std::min<int64_t>(bytes - done, 1 << 30));
      z.next_out = static_cast<Bytef*>(to) + done;
      z.avail_out = piece;
      const int code = inflate(&z, Z_NO_FLUSH);
      done += piece - z.avail_out;
      ended = code == Z_STREAM_END;
      if (code != Z_OK && !ended)
        file.refuse(code == Z_BUF_ERROR ? "truncated: the compressed stream has no end" : "the compressed stream is damaged");
    }
    return done;
  }
};

Inflate::Inflate(InputFile& file, int64_t packed, Wrapping wrapping) : stream_(new Stream(file, packed, wrapping)) {}
int64_t Inflate::read(void* to, int64_t bytes) { return stream_->read(to, bytes); }
int64_t Inflate::left() const { return stream_->packed + stream_->z.avail_in; }
#else
struct Inflate::Stream {};
Inflate::Inflate(InputFile& file, int64_t, Wrapping) {
  file.refuse("compressed, which this build without zlib cannot read; unpack it first");
}
int64_t Inflate::read(void*, int64_t) { return 0; }
int64_t Inflate::left() const { return 0; }
#endif
Inflate::~Inflate() = default;

}  // namespace scoregrad
