// Windows of images as columns, which turn a convolution into a matrix product, and back.
#pragma once
#include "autograd/backend/contract.h"

namespace scoregrad::on_cuda {

/// The extents of a convolution: x [n, c, h, w], windows of k[0] x k[1], positions y[0] x y[1].
struct Windows {
  int64_t n, c, x[2], k[2], y[2];
  int64_t stride[2], before[2], dilation[2];
  int64_t step_x[4];                 ///< strides of the images
  int64_t step_image, step_channel;  ///< of the columns: from image to image, and from one (channel, place in the window) to the next

  int64_t window() const { return k[0] * k[1]; }
  int64_t area() const { return y[0] * y[1]; }
};

/// columns[n, (c, k), p] = x[n, c, p stride - before + k dilation], 0 outside.
template <class T>
void unfold(T* columns, const T* x, const Windows& windows);
/// The adjoint, as a sum over the windows that read a pixel, in their order.
template <class T>
void fold_windows(T* x, const T* columns, const Windows& windows);

}  // namespace scoregrad::on_cuda
