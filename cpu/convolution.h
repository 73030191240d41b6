// What the ways of computing a convolution share: its extents, and contiguous arrays.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cpu {

/// The extents of one convolution, x [n, c, h, w], weights [o, c / groups, kh, kw], y [n, o, ph, pw]; [2] counts (height, width).
struct ConvolutionSizes {
  int64_t n, c, o, groups;
  int64_t x[2], k[2], y[2];
  int64_t stride[2], before[2], dilation[2];

  ConvolutionSizes(ConvolutionPart part, const View& out, const View& a, const View& b, const Convolution& g);
  int64_t inputs() const { return c / groups; }   ///< channels that one output reads
  int64_t outputs() const { return o / groups; }  ///< outputs of one group
  int64_t window() const { return k[0] * k[1]; }
  int64_t x_area() const { return x[0] * x[1]; }
  int64_t y_area() const { return y[0] * y[1]; }
  /// Multiplications and additions for one image.
  double flops() const { return 2.0 * static_cast<double>(o * inputs()) * static_cast<double>(window() * y_area()); }
};

/// Contiguous float32 images by windows of three by three, one channel on one side; false for other extents.
bool plane_convolution(ConvolutionPart part, float* out, const float* a, const float* b, const ConvolutionSizes& sizes);
/// oneDNN's convolution of contiguous float32 arrays; false where it was not built in or does not serve these extents.
bool onednn_convolution(ConvolutionPart part, float* out, const float* a, const float* b, const ConvolutionSizes& sizes);

}  // namespace scoregrad::on_cpu
