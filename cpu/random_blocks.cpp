// Philox in the 64-bit lanes of a register, one block a lane: a round's products are those of the even 32-bit lanes, and what they leave in
// the upper halves is never read.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/random_blocks.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include "autograd/backend/philox.h"
#include "cpu/lanes.inc"
#include "cpu/random_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

// One block after the other, on plain numbers: the remainder, and everything where there are no vectors.
template <class T>
void draw_plain(Random kind, const uint32_t key[2], uint64_t first, int64_t count, T* out) {
  for (int64_t b = 0; b < count; ++b) {
    const PhiloxBlock block = philox_block(key, first + static_cast<uint64_t>(b));
    const uint32_t* w = block.word;
    if constexpr (std::is_same_v<T, int64_t>) {
      for (int i = 0; i < 4; ++i) *out++ = w[i];
    } else {
      constexpr int n = static_cast<int>(block_elements(DTypeOf<T>::value));
      scalars::Bits<T> word[n];
      for (int i = 0; i < n; ++i)
        if constexpr (n == 4)
          word[i] = w[i];
        else
          word[i] = static_cast<uint64_t>(w[2 * i]) << 32 | w[2 * i + 1];
      for (int i = 0; i < n; i += 2) {
        if (kind == Random::uniform) {
          *out++ = scalars::uniform_number<T>(word[i]);
          *out++ = scalars::uniform_number<T>(word[i + 1]);
        } else {
          const scalars::Pair<T> z = scalars::normal_numbers<T>(word[i], word[i + 1]);
          *out++ = z.first;
          *out++ = z.second;
        }
      }
    }
  }
}

#if !SCOREGRAD_PLAIN_LANES

using D64 = hn::ScalableTag<uint64_t>;
using D32 = hn::ScalableTag<uint32_t>;
using V64 = hn::Vec<D64>;
using V32 = hn::Vec<D32>;
constexpr int64_t batch = HWY_LANES(uint64_t);

struct Keys {
  uint64_t round[10][2];
};
struct Words {
  V64 w0, w1, w2, w3;  // in the lower halves
};
// The upper half of every lane in its lower half. A swap, since shifts would queue for the port of the multiplier.
HWY_INLINE V64 high(V64 x) { return hn::BitCast(D64(), hn::Shuffle2301(hn::BitCast(D32(), x))); }
// first, first + 1, ...; Iota itself passes through memory where its start is no constant.
HWY_INLINE V64 counters(uint64_t first) { return hn::Add(hn::Set(D64(), first), hn::Iota(D64(), 0)); }
HWY_INLINE Words philox_lanes(const Keys& keys, V64 counter) {
  const D64 d;
  const V32 m0 = hn::BitCast(D32(), hn::Set(d, 0xD2511F53u)), m1 = hn::BitCast(D32(), hn::Set(d, 0xCD9E8D57u));
  Words c{counter, hn::ShiftRight<32>(counter), hn::Zero(d), hn::Zero(d)};
  for (int i = 0; i < 10; ++i) {
    const V64 p0 = hn::MulEven(m0, hn::BitCast(D32(), c.w0)), p1 = hn::MulEven(m1, hn::BitCast(D32(), c.w2));
    c.w0 = hn::Xor3(high(p1), c.w1, hn::Set(d, keys.round[i][0]));
    c.w2 = hn::Xor3(high(p0), c.w3, hn::Set(d, keys.round[i][1]));
    c.w1 = p1;
    c.w3 = p0;
  }
  return c;
}

template <class T>
HWY_INLINE Pair<Lanes<T>> draw_pair(Random kind, BitLanes<T> a, BitLanes<T> b) {
  if (kind == Random::uniform) return {uniform_number<Lanes<T>>(a), uniform_number<Lanes<T>>(b)};
  return normal_numbers<Lanes<T>>(a, b);
}

HWY_INLINE int64_t draw_vectors(Random kind, const Keys& keys, uint64_t first, int64_t count, float* out) {
  const D32 d32;
  const hn::ScalableTag<float> d;
  auto merge = [](V64 high, V64 low)
                   HWY_ATTR { return BitLanes<float>(hn::ConcatEven(D32(), hn::BitCast(D32(), high), hn::BitCast(D32(), low))); };
  int64_t b = 0;
  for (; b + 2 * batch <= count; b += 2 * batch, out += 8 * batch) {
    const V64 counter = counters(first + static_cast<uint64_t>(b));
    const Words x = philox_lanes(keys, counter), y = philox_lanes(keys, hn::Add(counter, hn::Set(D64(), static_cast<uint64_t>(batch))));
    const auto p = draw_pair<float>(kind, merge(y.w0, x.w0), merge(y.w1, x.w1)),
               q = draw_pair<float>(kind, merge(y.w2, x.w2), merge(y.w3, x.w3));
    hn::StoreInterleaved4(p.first.v, p.second.v, q.first.v, q.second.v, d, out);
  }
  return b;
}
HWY_INLINE int64_t draw_vectors(Random kind, const Keys& keys, uint64_t first, int64_t count, double* out) {
  auto merge = [](V64 high, V64 low) HWY_ATTR {
    return BitLanes<double>(hn::Or(hn::ShiftLeft<32>(high), hn::And(low, hn::Set(D64(), UINT64_C(0xFFFFFFFF)))));
  };
  int64_t b = 0;
  for (; b + batch <= count; b += batch, out += 2 * batch) {
    const Words x = philox_lanes(keys, counters(first + static_cast<uint64_t>(b)));
    const auto p = draw_pair<double>(kind, merge(x.w0, x.w1), merge(x.w2, x.w3));
    hn::StoreInterleaved2(p.first.v, p.second.v, hn::ScalableTag<double>(), out);
  }
  return b;
}
HWY_INLINE int64_t draw_vectors(Random, const Keys& keys, uint64_t first, int64_t count, int64_t* out) {
  const D64 d;
  const V64 low = hn::Set(d, UINT64_C(0xFFFFFFFF));
  int64_t b = 0;
  for (; b + batch <= count; b += batch, out += 4 * batch) {
    const Words x = philox_lanes(keys, counters(first + static_cast<uint64_t>(b)));
    hn::StoreInterleaved4(hn::And(x.w0, low), hn::And(x.w1, low), hn::And(x.w2, low), hn::And(x.w3, low), d,
                          reinterpret_cast<uint64_t*>(out));
  }
  return b;
}

#endif

template <class T>
void draw(Random kind, const uint32_t key[2], uint64_t first, int64_t count, T* out) {
  int64_t done = 0;
#if !SCOREGRAD_PLAIN_LANES
  Keys keys;
  for (uint32_t i = 0; i < 10; ++i) {
    keys.round[i][0] = key[0] + i * 0x9E3779B9u;
    keys.round[i][1] = key[1] + i * 0xBB67AE85u;
  }
  done = kind == Random::uniform ? draw_vectors(Random::uniform, keys, first, count, out)
                                 : draw_vectors(Random::normal, keys, first, count, out);
#endif
  draw_plain(kind, key, first + static_cast<uint64_t>(done), count - done,
             out + done * (sizeof(T) == 8 && !std::is_same_v<T, int64_t> ? 2 : 4));
}

void draw_typed(Random kind, DType dtype, const uint32_t key[2], uint64_t first, int64_t count, void* out) {
  if (kind == Random::bits)
    draw(kind, key, first, count, static_cast<int64_t*>(out));
  else if (dtype == DType::float32)
    draw(kind, key, first, count, static_cast<float*>(out));
  else
    draw(kind, key, first, count, static_cast<double*>(out));
}

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {
HWY_EXPORT(draw_typed);
void draw_blocks(Random kind, DType dtype, const uint32_t key[2], uint64_t first, int64_t count, void* out) {
  HWY_DYNAMIC_DISPATCH(draw_typed)(kind, dtype, key, first, count, out);
}
}  // namespace scoregrad::on_cpu
#endif
