// Philox4x32-10 (Salmon et al. 2011): a block of four random words is a function of key and counter alone, so there is no state.
// C++17 and plain, because kernels of every device include it.
#pragma once
#include <cstdint>

#ifdef __CUDACC__
#define SG_DEVICE __host__ __device__
#else
#define SG_DEVICE
#endif

namespace scoregrad {

struct PhiloxBlock {
  uint32_t word[4];
};

/// Ten rounds on a counter of four words.
SG_DEVICE inline PhiloxBlock philox(PhiloxBlock counter, const uint32_t key[2]) {
  uint32_t *c = counter.word, k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
    c[0] = static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0;
    c[2] = static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<uint32_t>(p1);
    c[3] = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

/// Block i of a stream.
SG_DEVICE inline PhiloxBlock philox_block(const uint32_t key[2], uint64_t i) {
  return philox({{static_cast<uint32_t>(i), static_cast<uint32_t>(i >> 32), 0, 0}}, key);
}
/// Word i of a stream: word i mod 4 of block i div 4.
SG_DEVICE inline uint32_t philox_word(const uint32_t key[2], uint64_t i) { return philox_block(key, i / 4).word[i % 4]; }

/// The top 24 bits of a word, as a multiple of 2^-24 in [0, 1).
SG_DEVICE inline float uniform_of(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
/// The top 53 bits of two words, as a multiple of 2^-53 in [0, 1).
SG_DEVICE inline double uniform_of(uint32_t high, uint32_t low) {
  return static_cast<double>((static_cast<uint64_t>(high) << 32 | low) >> 11) * 0x1p-53;
}

/// An independent key for every number: the third counter word keeps it apart from the stream's blocks.
SG_DEVICE inline void fold_key(const uint32_t key[2], uint64_t data, uint32_t out[2]) {
  const PhiloxBlock b = philox({{static_cast<uint32_t>(data), static_cast<uint32_t>(data >> 32), 1, 0}}, key);
  out[0] = b.word[0];
  out[1] = b.word[1];
}

}  // namespace scoregrad
