// Random numbers on the CPU: as scalar_normal.inc makes them from the words of Philox, the same bits on every instruction set and for any
// cut into calls. Normals 2j and 2j + 1 come from the same two words (float64: pairs of words).
#include <algorithm>
#include <cstring>

#include "autograd/backend/philox.h"
#include "cpu/kernels.h"
#include "cpu/random_blocks.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {
namespace {

struct Words {
  uint32_t at[2];
};
Words read(KeyWords key) {
  if (!key.address) return {{key.words[0], key.words[1]}};
  const auto* words = static_cast<const int64_t*>(key.address);
  return {{static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1])}};
}

}  // namespace

void run(Where, const calls::Draw& c) {
  const View& out = c.out;
  const Random kind = c.kind;
  const Words k = read(c.key);
  const int64_t per_block = block_elements(out.dtype), size = static_cast<int64_t>(size_of(out.dtype));
  const double ns = out.dtype == DType::float64 && kind == Random::normal ? 3 : 1;
  parallel_ranges(numel(out.shape), 4096, ns, [&](int64_t begin, int64_t end) {
    char* y = static_cast<char*>(out.data) + begin * size;
    uint64_t i = c.offset + static_cast<uint64_t>(begin);
    int64_t n = end - begin;
    // The part of a block at either end, by way of the whole block.
    auto part = [&](int64_t from, int64_t count) {
      double block[4];
      draw_blocks(kind, out.dtype, k.at, i / static_cast<uint64_t>(per_block), 1, block);
      std::memcpy(y, reinterpret_cast<char*>(block) + from * size, static_cast<size_t>(count * size));
      i += static_cast<uint64_t>(count), y += count * size, n -= count;
    };
    if (const int64_t from = static_cast<int64_t>(i % static_cast<uint64_t>(per_block)); from != 0)
      part(from, std::min(n, per_block - from));
    const int64_t blocks = n / per_block;
    draw_blocks(kind, out.dtype, k.at, i / static_cast<uint64_t>(per_block), blocks, y);
    i += static_cast<uint64_t>(blocks * per_block), y += blocks * per_block * size, n -= blocks * per_block;
    if (n > 0) part(0, n);
  });
}

void run(Where, const calls::Fold& c) {
  const Words k = read(c.key);
  const auto* in = static_cast<const int64_t*>(c.data.data);
  auto* y = static_cast<int64_t*>(c.out.data);
  for (int64_t i = 0; i < numel(c.data.shape); ++i) {
    uint32_t words[2];
    fold_key(k.at, static_cast<uint64_t>(in[i]), words);
    y[2 * i] = words[0];
    y[2 * i + 1] = words[1];
  }
}

}  // namespace scoregrad::on_cpu
