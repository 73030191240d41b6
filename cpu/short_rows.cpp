// See short_rows.h.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/short_rows.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include <algorithm>
#include <numeric>

#include "cpu/lanes.inc"
#include "cpu/short_rows.h"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

// Where a load under a mask leaves alone what lies behind an operand, and lanes can be put into any order.
#if !SCOREGRAD_PLAIN_LANES && (SCOREGRAD_AVX512 || HWY_TARGET == HWY_AVX2)
constexpr int register_width = HWY_LANES(float);
int64_t gather_registers(const ShortRows& r, const void* from, int64_t start, int64_t n, void* to) {
  const hn::ScalableTag<float> d;
  constexpr int width = register_width;
  const int64_t phase = start % r.period;
  if (phase % r.unit != 0) return 0;
  int j = r.place[phase / r.unit];
  const float* x = static_cast<const float*>(from) + (start / r.period - j * width / r.period) * r.step;
  float* out = static_cast<float*>(to);
  int64_t i = 0;
  for (; i < n && start + i + width <= r.run; i += width) {
    const auto some = hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(r.reach[j])), d, x + r.offset[j]);
    const auto all = hn::TableLookupLanes(some, hn::SetTableIndices(d, r.lane[j]));
    if (i + width <= n)
      hn::StoreU(all, d, out + i);
    else
      Pack<float>::store_some(Pack<float>::Value(all), out + i, n - i);
    if (++j == r.registers) j = 0, x += r.advance;
  }
  return std::min(i, n);
}
#else
constexpr int register_width = 0;
int64_t gather_registers(const ShortRows&, const void*, int64_t, int64_t, void*) { return 0; }
#endif
int width_of_registers() { return register_width; }

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {
namespace {

// The tile is the dimensions from `first` on.
bool fit_tile(ShortRows& r, const int64_t* extent, const int64_t* stride, int rank, int first, int width, int64_t n) {
  r.outer = first - 1;
  r.period = 1;
  for (int d = first; d < rank; ++d) r.period *= extent[d];
  r.step = stride[first - 1];
  r.run = extent[first - 1] * r.period;
  r.unit = std::gcd(r.period, int64_t{width});
  if (r.period / r.unit > ShortRows::most || r.run < 16 * width) return false;
  if (n < 8 * r.period / r.unit * width) return false;  // the pattern costs more than it saves
  r.registers = static_cast<int>(r.period / r.unit);
  r.advance = width / r.unit * r.step;
  int64_t at[8] = {}, offset = 0;
  for (int j = 0; j < r.registers; ++j) {
    r.place[j * width % r.period / r.unit] = static_cast<uint8_t>(j);
    int64_t from[ShortRows::widest], low = offset, high = offset;
    for (int l = 0; l < width; ++l) {
      from[l] = offset;
      low = std::min(low, offset);
      high = std::max(high, offset);
      int d = rank - 1;
      for (; d >= first; --d) {
        offset += stride[d];
        if (++at[d] < extent[d]) break;
        offset -= extent[d] * stride[d];
        at[d] = 0;
      }
      if (d < first) offset += r.step;
    }
    if (high - low >= width) return false;
    r.offset[j] = low;
    r.reach[j] = static_cast<int32_t>(high - low + 1);
    for (int l = 0; l < width; ++l) r.lane[j][l] = static_cast<int32_t>(from[l] - low);
  }
  return true;
}

}  // namespace

HWY_EXPORT(width_of_registers);
HWY_EXPORT(gather_registers);

bool fit(ShortRows& rows, const int64_t* extent, const int64_t* stride, int rank) {
  const int width = HWY_DYNAMIC_DISPATCH(width_of_registers)();
  if (width == 0 || (stride[rank - 1] == 1 && extent[rank - 1] >= 64)) return false;
  int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= extent[d];
  for (int first = 1; first < rank; ++first)  // the longest run first
    if (fit_tile(rows, extent, stride, rank, first, width, n)) return true;
  return false;
}

int64_t gather(const ShortRows& rows, const void* x, int64_t start, int64_t n, void* out) {
  return HWY_DYNAMIC_DISPATCH(gather_registers)(rows, x, start, n, out);
}

}  // namespace scoregrad::on_cpu
#endif
