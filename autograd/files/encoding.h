// Numbers as foreign files hold them, and as we hold them.
#pragma once
#include <algorithm>
#include <string_view>

#include "autograd/files/file.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// kind 'f' (2, 4, 8 bytes), 'i' and 'u' (1, 2, 4, 8), 'b' (1); 'h' (2): the upper half of a float32, called bfloat16; and of 8 bits '4',
/// '5' and '8': with 4 bits of exponent and no infinity, with 5 like a short f2, and powers of two alone.   (OCP 8-bit floating point; OCP
/// microscaling formats 1.0)
struct Encoding {
  char kind;
  int size;
  bool big_endian;
};
bool is_known(const Encoding& e);
/// The element type that holds every value: floats of up to 4 bytes in float32, f8 in float64, integers in int64, b in bool.
DType natural_dtype(const Encoding& e);

/// Reads `y.numel()` numbers into a contiguous CPU tensor through read(to, bytes), a block at a time, converting them to y's type. Throws
/// Foreign, by `source`, for a u8 that int64 cannot hold.
template <class Read>
void decode_into(const ByteSource& source, const Tensor& y, const Encoding& e, Read&& read);
/// `count` numbers from `in` to `out`; returns how many came before one that `dtype` cannot hold.
int64_t decode(const Encoding& e, const unsigned char* in, int64_t count, DType dtype, void* out);

/// The elements in row-major order, as our own files hold them. Throws Error if there is no memory for the copy.
std::vector<char> host_bytes(const Tensor& x, Where at);

/// True if the bytes are UTF-8, as names in files must be: no surrogates, nothing written longer than need be.   (RFC 3629)
bool is_utf8(std::string_view text);
/// A name as a message may print it: what is not UTF-8 as its hexadecimal code.
std::string printable(std::string_view text);

template <class Read>
void decode_into(const ByteSource& source, const Tensor& y, const Encoding& e, Read&& read) {
  if ((e.kind == 'f' || e.kind == 'i') && !e.big_endian && natural_dtype(e) == y.dtype() && e.size == static_cast<int>(size_of(y.dtype())))
    return read(y.bytes(), y.numel() * e.size);  // ours already
  constexpr int64_t block = 8192;
  unsigned char raw[block * 8];
  for (int64_t done = 0; done < y.numel();) {
    const int64_t n = std::min(block, y.numel() - done);
    read(raw, n * e.size);
    const int64_t good = decode(e, raw, n, y.dtype(), y.bytes() + done * static_cast<int64_t>(size_of(y.dtype())));
    if (good < n) source.foreign("element " + std::to_string(done + good) + " is 2^63 or more, which int64 cannot hold");
    done += n;
  }
}

}  // namespace scoregrad
