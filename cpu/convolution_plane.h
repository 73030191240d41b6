// The inner loops of cpu/convolution_plane.cpp, compiled once for each instruction set: many planes of an image against one, by windows of
// three by three with a border of zeros around them.
#pragma once
#include <cstdint>

namespace scoregrad::on_cpu {

/// Planes of h by w numbers, `many` of them in an image beside one.
struct Planes {
  int64_t many, h, w;
  int64_t area() const { return h * w; }
  int64_t row() const { return w + 2; }                    ///< of a plane with its border
  int64_t padded() const { return (h + 2) * row() + 64; }  ///< floats of such a plane, with room for a register behind it
};

/// one[p] = sum over j, k of taps[j, k] many[j, p + k], k the nine neighbours; room for 2 padded() zeros.
void gather_planes(const float* many, const float* taps, const Planes& s, float* one, float* room);
/// many[j, p] = sum over k of taps[j, k] one[p + k]; room for padded() zeros.
void spread_plane(const float* one, const float* taps, const Planes& s, float* many, float* room);
/// nine[k] = sum over n, p of many[n, p + k] one[n, p], planes of `many` `step` apart and those of `one` laid out by pad_plane; room for
/// padded() zeros.
void weigh_planes(const float* many, int64_t step, const float* one, const Planes& s, int64_t n, float* nine, float* room);
/// The plane with its border, into zeros.
void pad_plane(const float* plane, const Planes& s, float* to);

}  // namespace scoregrad::on_cpu
