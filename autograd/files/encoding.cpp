#include "autograd/files/encoding.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <new>

namespace scoregrad {
namespace {

double half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

// Four bits of exponent and three of fraction, no infinity: what would be the largest fraction of the largest exponent is NaN.
double eighth(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 3 & 15), fraction = static_cast<int>(bits & 7);
  const double magnitude = (bits & 127) == 127 ? NAN : exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8 + fraction, exponent - 10);
  return bits >> 7 ? -magnitude : magnitude;
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
    else if (e.kind == '4')
      put(i, eighth(static_cast<unsigned>(w)));
    else if (e.kind == '5')
      put(i, half(static_cast<uint16_t>(w << 8)));
    else if (e.kind == '8')
      put(i, w == 255 ? NAN : std::ldexp(1.0, static_cast<int>(w) - 127));
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
    case 'u':
      return e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8;
    case 'h':
      return e.size == 2;
    default:
      return (e.kind == 'b' || e.kind == '4' || e.kind == '5' || e.kind == '8') && e.size == 1;
  }
}

DType natural_dtype(const Encoding& e) {
  if (e.kind == 'i' || e.kind == 'u') return DType::int64;
  if (e.kind == 'b') return DType::boolean;
  return e.size == 8 ? DType::float64 : DType::float32;
}

int64_t decode(const Encoding& e, const unsigned char* in, int64_t count, DType dtype, void* out) {
  if (e.kind == 'u' && e.size == 8)
    for (int64_t i = 0; i < count; ++i)
      if (word(in + i * e.size, e) > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return i;
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    each(e, in, count, [&](int64_t i, auto v) { static_cast<T*>(out)[i] = static_cast<T>(v); });
  });
  return count;
}

std::vector<char> host_bytes(const Tensor& x, Where at) {
  const Tensor dense = packed(x);
  const size_t bytes = static_cast<size_t>(x.numel()) * size_of(x.dtype());
  try {
    std::vector<char> out(bytes);
    if (bytes > 0) dense.backend().call({}, calls::Download{{out.data(), bytes}, calls::bytes_at(dense.bytes(), bytes)});
    return out;
  } catch (const std::bad_alloc&) {
    throw Error(at, fmt::format("out of memory: {} bytes for a copy of a tensor of shape {} on the host", bytes, to_string(x.shape())));
  }
}

namespace {

// Bytes of the character that begins a text, 0 if none does.
size_t character(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0);
  const size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < length; ++i)
    if (byte(i) >> 6 != 2) return 0;
  const unsigned second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90)) return 0;    // longer than need be
  if ((first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90)) return 0;  // surrogates; beyond U+10FFFF
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t n = character(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t n = character(text);
    out += n > 0 ? std::string(text.substr(0, n)) : fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    text.remove_prefix(std::max<size_t>(n, 1));
  }
  return out;
}

}  // namespace scoregrad
