#include "autograd/files/encoding.h"

#include <bit>
#include <cmath>

namespace scoregrad {
namespace {

double half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

uint64_t word(const unsigned char* in, const Encoding& e) {
  uint64_t w = 0;
  for (int i = 0; i < e.size; ++i) w |= static_cast<uint64_t>(in[e.big_endian ? e.size - 1 - i : i]) << (8 * i);
  return w;
}

// Calls put(i, value) with the widest C++ type of the kind.
template <class Put>
void each(const Encoding& e, const unsigned char* in, int64_t count, Put&& put) {
  for (int64_t i = 0; i < count; ++i, in += e.size) {
    const uint64_t w = word(in, e);
    if (e.kind == 'b')
      put(i, static_cast<int64_t>(w != 0));
    else if (e.kind == 'u')
      put(i, static_cast<int64_t>(w));
    else if (e.kind == 'i')
      put(i, static_cast<int64_t>(w << (64 - 8 * e.size)) >> (64 - 8 * e.size));  // extends the sign
    else if (e.kind == 'h')
      put(i, static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(w) << 16)));
    else if (e.size == 2)
      put(i, half(static_cast<uint16_t>(w)));
    else if (e.size == 4)
      put(i, static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(w))));
    else
      put(i, std::bit_cast<double>(w));
  }
}

}  // namespace

bool is_known(const Encoding& e) {
  switch (e.kind) {
    case 'f':
      return e.size == 2 || e.size == 4 || e.size == 8;
    case 'i':
      return e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8;
    case 'u':
      return e.size == 1 || e.size == 2 || e.size == 4;
    case 'h':
      return e.size == 2;
    default:
      return e.kind == 'b' && e.size == 1;
  }
}

DType natural_dtype(const Encoding& e) {
  if (e.kind == 'f' || e.kind == 'h') return e.size == 8 ? DType::float64 : DType::float32;
  return e.kind == 'b' ? DType::boolean : DType::int64;
}

void decode(const Encoding& e, const unsigned char* in, int64_t count, DType dtype, void* out) {
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    each(e, in, count, [&](int64_t i, auto v) { static_cast<T*>(out)[i] = static_cast<T>(v); });
  });
}

std::vector<char> host_bytes(const Tensor& x) {
  const Tensor dense = packed(x);
  std::vector<char> bytes(static_cast<size_t>(x.numel()) * size_of(x.dtype()));
  if (!bytes.empty()) dense.backend().call({}, calls::Download{{bytes.data(), bytes.size()}, calls::bytes_at(dense.bytes(), bytes.size())});
  return bytes;
}

}  // namespace scoregrad
