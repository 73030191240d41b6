// The loops on int64 and bool, for whose few rows the compiler finds the vectors of each target itself; and streaming copies.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/block_loops_integer.cpp"
#include <algorithm>
#include <cstring>

#include "cpu/targets.inc"
// Highway's targets come first.
#include "cpu/block_loops.h"
#include "cpu/lanes.inc"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {
namespace integer {

template <class T>
T where(bool m, T a, T b) {
  return m ? a : b;
}
#undef SG_INLINE
#define SG_INLINE inline
#include "autograd/backend/scalar_int.inc"
#include "cpu/block_loops.inc"

}  // namespace integer

const BlockLoop* int64_table() { return integer::loops_of<PlainPack<integer::Wrapping>, integer::Wrapping, DType::int64>(); }
const BlockLoop* boolean_table() { return integer::loops_of<PlainPack<bool>, bool, DType::boolean>(); }

void stream_bytes(void* out, const void* in, int64_t bytes) {
  int64_t i = 0;
#if !SCOREGRAD_PLAIN_LANES
  const hn::ScalableTag<uint8_t> d;
  constexpr int64_t width = HWY_LANES(uint8_t);
  uint8_t* to = static_cast<uint8_t*>(out);
  const uint8_t* from = static_cast<const uint8_t*>(in);
  i = std::min<int64_t>(bytes, (width - static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % width)) % width);
  std::memcpy(out, in, static_cast<size_t>(i));
  for (; i + width <= bytes; i += width) hn::Stream(hn::LoadU(d, from + i), d, to + i);
#endif
  std::memcpy(static_cast<char*>(out) + i, static_cast<const char*>(in) + i, static_cast<size_t>(bytes - i));
}

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {

HWY_EXPORT(int64_table);
HWY_EXPORT(boolean_table);
HWY_EXPORT(stream_bytes);

const BlockLoop* int64_loops() { return HWY_DYNAMIC_DISPATCH(int64_table)(); }
const BlockLoop* boolean_loops() { return HWY_DYNAMIC_DISPATCH(boolean_table)(); }
void stream(void* out, const void* in, int64_t bytes) { HWY_DYNAMIC_DISPATCH(stream_bytes)(out, in, bytes); }
void stream_fence() {
#if SCOREGRAD_HAVE_HIGHWAY
  hwy::FlushStream();
#endif
}

}  // namespace scoregrad::on_cpu
#endif
