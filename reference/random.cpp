// Random numbers: a function of key and position (autograd/backend/philox.h), so that one element can be computed without the others.
#include "autograd/backend/philox.h"
#include "autograd/backend/scalar.h"
#include "reference/elements.h"
#include "reference/run.h"

namespace scoregrad::on_reference {
namespace {

struct Key {
  uint32_t words[2];
  explicit Key(const KeyWords& k) : words{k.words[0], k.words[1]} {
    if (!k.address) return;
    const auto* stored = static_cast<const int64_t*>(k.address);
    for (int i = 0; i < 2; ++i) words[i] = static_cast<uint32_t>(stored[i]);
  }
};

/// The bits behind element i: one word of the stream, or two, the high one first.
template <class T>
scalars::Bits<T> bits_of(const Key& key, uint64_t i) {
  if constexpr (scalars::is_single<T>)
    return philox_word(key.words, i);
  else
    return static_cast<uint64_t>(philox_word(key.words, 2 * i)) << 32 | philox_word(key.words, 2 * i + 1);
}

template <class T>
T number(Random kind, const Key& key, uint64_t i) {
  if constexpr (std::is_same_v<T, int64_t>) {
    return philox_word(key.words, i);
  } else if (kind == Random::uniform) {
    return scalars::uniform_number<T>(bits_of<T>(key, i));
  } else {  // normals 2j and 2j + 1 come from the bits of both
    const scalars::Pair<T> z = scalars::normal_numbers<T>(bits_of<T>(key, i / 2 * 2), bits_of<T>(key, i / 2 * 2 + 1));
    return i % 2 == 0 ? z.first : z.second;
  }
}

}  // namespace

void run(Where, const calls::Draw& c) {
  const Key key(c.key);
  dispatch(c.out.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>)
      for (int64_t i = 0; i < numel(c.out.shape); ++i)
        static_cast<T*>(c.out.data)[i] = number<T>(c.kind, key, c.offset + static_cast<uint64_t>(i));
  });
}

void run(Where, const calls::Fold& c) {
  const Key key(c.key);
  for (int64_t i = 0; i < numel(c.data.shape); ++i) {
    uint32_t words[2];
    fold_key(key.words, static_cast<uint64_t>(static_cast<const int64_t*>(c.data.data)[i]), words);
    for (int w = 0; w < 2; ++w) static_cast<int64_t*>(c.out.data)[2 * i + w] = words[w];
  }
}

}  // namespace scoregrad::on_reference
