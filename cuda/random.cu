// Random numbers: one thread a block of Philox, whose words become numbers by the CPU's own text, bit for bit.
#include <type_traits>

#include "autograd/backend/philox.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"
#include "cuda/scalar.h"

namespace scoregrad::on_cuda {
namespace {

constexpr int threads = 256;

__device__ void read_key(KeyWords key, uint32_t (&words)[2]) {
  const auto* there = static_cast<const int64_t*>(key.address);
  for (int i = 0; i < 2; ++i) words[i] = there ? static_cast<uint32_t>(there[i]) : key.words[i];
}

/// The numbers of a block: 4 floats, 2 doubles or 4 integers.
template <class T>
constexpr int per_block = std::is_same_v<T, double> ? 2 : 4;

template <class T>
__device__ void draw(Random kind, const PhiloxBlock& block, T (&out)[per_block<T>]) {
  const uint32_t* w = block.word;
  if constexpr (std::is_same_v<T, int64_t>) {
    for (int i = 0; i < 4; ++i) out[i] = w[i];
  } else {
    device::Bits<T> word[per_block<T>];
    for (int i = 0; i < per_block<T>; ++i)
      if constexpr (std::is_same_v<T, float>)
        word[i] = w[i];
      else
        word[i] = static_cast<uint64_t>(w[2 * i]) << 32 | w[2 * i + 1];
    for (int i = 0; i < per_block<T>; i += 2) {
      if (kind == Random::uniform) {
        out[i] = device::uniform_number<T>(word[i]);
        out[i + 1] = device::uniform_number<T>(word[i + 1]);
      } else {
        const device::Pair<T> z = device::normal_numbers<T>(word[i], word[i + 1]);
        out[i] = z.first;
        out[i + 1] = z.second;
      }
    }
  }
}

/// What goes out in stores of 16 bytes.
template <class T>
struct alignas(16) Whole {
  T number[per_block<T>];
};

/// Elements [offset, offset + n) of the stream; blocks that they begin or end in are written in part.
template <class T>
__global__ void draw_stream(Random kind, T* out, int64_t n, KeyWords key, uint64_t offset, int64_t blocks) {
  uint32_t words[2];
  read_key(key, words);
  const uint64_t first = offset / per_block<T>;
  const bool aligned = offset % per_block<T> == 0 && reinterpret_cast<uintptr_t>(out) % alignof(Whole<T>) == 0;
  for (int64_t b = blockIdx.x * int64_t{threads} + threadIdx.x; b < blocks; b += int64_t{gridDim.x} * threads) {
    Whole<T> numbers;
    draw(kind, philox_block(words, first + static_cast<uint64_t>(b)), numbers.number);
    // Where the block's first element goes, which may be before the output.
    const int64_t at = b * per_block<T> - static_cast<int64_t>(offset % per_block<T>);
    if (aligned && at + per_block<T> <= n) {
      *reinterpret_cast<Whole<T>*>(out + at) = numbers;
      continue;
    }
    for (int i = 0; i < per_block<T>; ++i)
      if (at + i >= 0 && at + i < n) out[at + i] = numbers.number[i];
  }
}

template <class T>
void draw_all(Random kind, const View& out, KeyWords key, uint64_t offset) {
  const int64_t n = numel(out.shape), within = static_cast<int64_t>(offset % per_block<T>);
  const int64_t blocks = (within + n + per_block<T> - 1) / per_block<T>;
  launch("random", draw_stream<T>, dim3(blocks_for(blocks, threads)), dim3(threads), 0, kind, static_cast<T*>(out.data), n, key, offset,
         blocks);
}

__global__ void fold_keys(int64_t* out, KeyWords key, const int64_t* data, int64_t n) {
  uint32_t words[2];
  read_key(key, words);
  for (int64_t i = blockIdx.x * int64_t{threads} + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    uint32_t folded[2];
    fold_key(words, static_cast<uint64_t>(data[i]), folded);
    out[2 * i] = folded[0];
    out[2 * i + 1] = folded[1];
  }
}

}  // namespace

void run(Where, const calls::Draw& c) {
  if (numel(c.out.shape) == 0) return;
  if (c.kind == Random::bits)
    draw_all<int64_t>(c.kind, c.out, c.key, c.offset);
  else if (c.out.dtype == DType::float32)
    draw_all<float>(c.kind, c.out, c.key, c.offset);
  else
    draw_all<double>(c.kind, c.out, c.key, c.offset);
}

void run(Where, const calls::Fold& c) {
  const int64_t n = numel(c.data.shape);
  if (n == 0) return;
  launch("fold", fold_keys, dim3(blocks_for(n, threads)), dim3(threads), 0, static_cast<int64_t*>(c.out.data), c.key,
         static_cast<const int64_t*>(c.data.data), n);
}

}  // namespace scoregrad::on_cuda
