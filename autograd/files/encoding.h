// Numbers as foreign files hold them, and as we hold them.
#pragma once
#include <algorithm>

#include "autograd/files/file.h"
#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// kind 'f' (2, 4, 8 bytes), 'i' (1, 2, 4, 8), 'u' (1, 2, 4), 'b' (1), or 'h' (2): the upper half of a float32, called bfloat16.
struct Encoding {
  char kind;
  int size;
  bool big_endian;
};
bool is_known(const Encoding& e);
/// The element type that holds every value: f2, h2 and f4 in float32, f8 in float64, integers in int64, b in bool.
DType natural_dtype(const Encoding& e);

/// Reads `y.numel()` numbers into a contiguous CPU tensor through read(to, bytes), a block at a time, converting them to y's type.
template <class Read>
void decode_into(const Tensor& y, const Encoding& e, Read&& read);
/// `count` numbers from `in` to `out`.
void decode(const Encoding& e, const unsigned char* in, int64_t count, DType dtype, void* out);

/// The elements in row-major order, as our own files hold them.
std::vector<char> host_bytes(const Tensor& x);

template <class Read>
void decode_into(const Tensor& y, const Encoding& e, Read&& read) {
  if (e.kind != 'b' && e.kind != 'h' && !e.big_endian && natural_dtype(e) == y.dtype() && e.size == static_cast<int>(size_of(y.dtype())))
    return read(y.bytes(), y.numel() * e.size);  // ours already
  constexpr int64_t block = 8192;
  unsigned char raw[block * 8];
  for (int64_t done = 0; done < y.numel();) {
    const int64_t n = std::min(block, y.numel() - done);
    read(raw, n * e.size);
    decode(e, raw, n, y.dtype(), y.bytes() + done * static_cast<int64_t>(size_of(y.dtype())));
    done += n;
  }
}

}  // namespace scoregrad
