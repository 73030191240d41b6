#include "cpu/random.h"

#include <cmath>

#include "autograd/backend/philox.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {
namespace {

struct Words {
  uint32_t at[2];
};
Words read(KeyWords key) {
  if (!key.address) return {{key.words[0], key.words[1]}};
  return {{static_cast<uint32_t>(key.address[0]), static_cast<uint32_t>(key.address[1])}};
}

template <class T>
T uniform(const Words& key, uint64_t i) {
  if constexpr (sizeof(T) == 4)
    return uniform_of(philox_word(key.at, i));
  else
    return uniform_of(philox_word(key.at, 2 * i), philox_word(key.at, 2 * i + 1));
}

template <class T>
T normal(const Words& key, uint64_t i) {
  const uint64_t pair = i / 2 * 2;
  const T r = std::sqrt(T(-2) * std::log(T(1) - uniform<T>(key, pair))), angle = T(6.283185307179586) * uniform<T>(key, pair + 1);
  return i % 2 == 0 ? r * std::cos(angle) : r * std::sin(angle);
}

template <class T, class F>
void draw(const View& out, uint64_t offset, const F& f) {
  T* y = static_cast<T*>(out.data);
  parallel_ranges(numel(out.shape), 4096, 20, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = f(offset + static_cast<uint64_t>(i));
  });
}

}  // namespace

void random(Random kind, const View& out, KeyWords key, uint64_t offset) {
  const Words k = read(key);
  if (kind == Random::bits) return draw<int64_t>(out, offset, [&](uint64_t i) { return static_cast<int64_t>(philox_word(k.at, i)); });
  dispatch_floating(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (kind == Random::uniform)
      draw<T>(out, offset, [&](uint64_t i) { return uniform<T>(k, i); });
    else
      draw<T>(out, offset, [&](uint64_t i) { return normal<T>(k, i); });
  });
}

void fold(const View& out, KeyWords key, const View& data) {
  const Words k = read(key);
  const auto* in = static_cast<const int64_t*>(data.data);
  auto* y = static_cast<int64_t*>(out.data);
  for (int64_t i = 0; i < numel(data.shape); ++i) {
    uint32_t words[2];
    fold_key(k.at, static_cast<uint64_t>(in[i]), words);
    y[2 * i] = words[0];
    y[2 * i + 1] = words[1];
  }
}

}  // namespace scoregrad::on_cpu
