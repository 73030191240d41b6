// Convolutions with one input or one output channel, the ends of an image network: oneDNN fills its blocks of sixteen channels with zeros
// for them. A plane with a border of zeros is one run of numbers in which a neighbour is always as far away.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/convolution_plane.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include <algorithm>
#include <cstring>

#include "cpu/convolution.h"
#include "cpu/convolution_plane.h"
#include "cpu/lanes.inc"
#include "cpu/memory.h"
#include "cpu/threads.h"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {

using P = Pack<float>;
using V = P::Value;

struct Neighbours {
  int64_t at[9];
  explicit Neighbours(const Planes& s) {
    for (int k = 0; k < 9; ++k) at[k] = k / 3 * s.row() + k % 3;
  }
};

// Position p of a plane is number r * row() + c of the run; what lies between two rows is computed too and never used.
SG_INLINE int64_t positions(const Planes& s) { return (s.h - 1) * s.row() + s.w; }

void gather(const float* many, const float* taps, const Planes& s, float* one, float* room) {
  const Neighbours to(s);
  float *const sum = room, *const plane = room + s.padded();
  const int64_t n = positions(s);
  std::fill_n(sum, n + P::width, 0.0f);
  for (int64_t j = 0; j < s.many; ++j, taps += 9) {
    pad_plane(many + j * s.area(), s, plane);
    for (int64_t i = 0; i < n; i += P::width) {
      V v = P::load(sum + i);
      for (int k = 0; k < 9; ++k) v = fma(V(taps[k]), P::load(plane + i + to.at[k]), v);
      P::store(v, sum + i);
    }
  }
  for (int64_t r = 0; r < s.h; ++r) std::copy_n(sum + r * s.row(), s.w, one + r * s.w);
}

SG_INLINE V window(const float* taps, const float* plane, const Neighbours& to) {
  V v = V(taps[0]) * P::load(plane);
  for (int k = 1; k < 9; ++k) v = fma(V(taps[k]), P::load(plane + to.at[k]), v);
  return v;
}

void spread(const float* one, const float* taps, const Planes& s, float* many, float* room) {
  const Neighbours to(s);
  pad_plane(one, s, room);
  for (int64_t j = 0; j < s.many; ++j, taps += 9)
    for (int64_t r = 0; r < s.h; ++r) {
      const float* plane = room + r * s.row();
      float* out = many + j * s.area() + r * s.w;
      int64_t c = 0;
      for (; c + P::width <= s.w; c += P::width) P::store(window(taps, plane + c, to), out + c);
#if !SCOREGRAD_PLAIN_LANES
      if (c < s.w) P::store_some(window(taps, plane + c, to), out + c, s.w - c);
#endif
    }
}

void weigh(const float* many, int64_t step, const float* one, const Planes& s, int64_t images, float* nine, float* room) {
  const Neighbours to(s);
  const int64_t n = positions(s), centre = s.row() + 1;
  V total[9];
  for (V& t : total) t = V(0.0f);
  for (int64_t image = 0; image < images; ++image, many += step, one += s.padded()) {
    pad_plane(many, s, room);
    V sum[9];
    for (V& t : sum) t = V(0.0f);
    for (int64_t i = 0; i < n; i += P::width) {
      const V y = P::load(one + centre + i);  // its border is what lies between two rows
      for (int k = 0; k < 9; ++k) sum[k] = fma(y, P::load(room + i + to.at[k]), sum[k]);
    }
    for (int k = 0; k < 9; ++k) total[k] = total[k] + sum[k];
  }
  for (int k = 0; k < 9; ++k) {
    float lanes[P::width];
    P::store(total[k], lanes);
    float sum = lanes[0];
    for (int64_t l = 1; l < P::width; ++l) sum += lanes[l];
    nine[k] = sum;
  }
}

}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {

HWY_EXPORT(gather);
HWY_EXPORT(spread);
HWY_EXPORT(weigh);
void gather_planes(const float* many, const float* taps, const Planes& s, float* one, float* room) {
  HWY_DYNAMIC_DISPATCH(gather)(many, taps, s, one, room);
}
void spread_plane(const float* one, const float* taps, const Planes& s, float* many, float* room) {
  HWY_DYNAMIC_DISPATCH(spread)(one, taps, s, many, room);
}
void weigh_planes(const float* many, int64_t step, const float* one, const Planes& s, int64_t n, float* nine, float* room) {
  HWY_DYNAMIC_DISPATCH(weigh)(many, step, one, s, n, nine, room);
}
void pad_plane(const float* plane, const Planes& s, float* to) {
  for (int64_t r = 0; r < s.h; ++r) std::memcpy(to + (r + 1) * s.row() + 1, plane + r * s.w, static_cast<size_t>(s.w) * sizeof(float));
}

namespace {

struct Zeros : Scratch<float> {
  explicit Zeros(int64_t n) : Scratch<float>(n) { std::fill_n(data(), n, 0.0f); }
};

}  // namespace

bool plane_convolution(ConvolutionPart part, float* out, const float* a, const float* b, const ConvolutionSizes& s) {
  const bool to_one = s.o == 1;
  if ((!to_one && s.c != 1) || s.groups != 1 || s.x_area() != s.y_area() || s.x_area() < 64) return false;
  for (int i = 0; i < 2; ++i)
    if (s.k[i] != 3 || s.stride[i] != 1 || s.dilation[i] != 1 || s.before[i] != 1 || s.x[i] != s.y[i]) return false;
  const Planes planes{to_one ? s.c : s.o, s.x[0], s.x[1]};
  const int64_t many_step = planes.many * planes.area(), one_step = planes.area();
  // From the output's side a tap that reads forward reads backward.
  const bool forward = part == ConvolutionPart::forward, turned = part == ConvolutionPart::weight ? !to_one : !forward;
  const double ns = s.flops() / 40;
  Failure failure;
  if (part == ConvolutionPart::weight) {
    const float *const many = to_one ? a : b, *const one = to_one ? b : a;
    Zeros padded(s.n * planes.padded());
    for (int64_t i = 0; i < s.n; ++i) pad_plane(one + i * one_step, planes, padded.data() + i * planes.padded());
    parallel_for(planes.many, ns * static_cast<double>(s.n), [&](int64_t j) {
      failure.guard([&] {
        Zeros room(planes.padded());
        float* const nine = out + 9 * j;
        weigh_planes(many + j * planes.area(), many_step, padded.data(), planes, s.n, nine, room.data());
        if (turned) std::reverse(nine, nine + 9);
      });
    });
    failure.rethrow();
    return true;
  }
  Scratch<float> taps(9 * planes.many);
  for (int64_t j = 0; j < planes.many; ++j)
    for (int64_t k = 0; k < 9; ++k) taps[9 * j + k] = b[9 * j + (turned ? 8 - k : k)];
  parallel_ranges(s.n, std::max<int64_t>(1, static_cast<int64_t>(fork_ns / ns)), ns, [&](int64_t begin, int64_t end) {
    failure.guard([&] {
      Zeros room(2 * planes.padded());
      for (int64_t i = begin; i < end; ++i)
        if (to_one == forward)
          gather_planes(a + i * many_step, taps.data(), planes, out + i * one_step, room.data());
        else
          spread_plane(a + i * one_step, taps.data(), planes, out + i * many_step, room.data());
    });
  });
  failure.rethrow();
  return true;
}

}  // namespace scoregrad::on_cpu
#endif
