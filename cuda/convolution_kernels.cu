#include "cuda/convolution_kernels.h"

#include "cuda/launch.h"

namespace scoregrad::on_cuda {

namespace {

constexpr int threads = 256;

template <class T>
__global__ void unfold_windows(T* columns, const T* x, Windows s, int64_t total) {
  for (int64_t e = blockIdx.x * int64_t{threads} + threadIdx.x; e < total; e += int64_t{gridDim.x} * threads) {
    int64_t rest = e;
    const int64_t p1 = rest % s.y[1];
    rest /= s.y[1];
    const int64_t p0 = rest % s.y[0];
    rest /= s.y[0];
    const int64_t k1 = rest % s.k[1];
    rest /= s.k[1];
    const int64_t k0 = rest % s.k[0];
    rest /= s.k[0];
    const int64_t c = rest % s.c, n = rest / s.c;
    const int64_t row = p0 * s.stride[0] - s.before[0] + k0 * s.dilation[0];
    const int64_t column = p1 * s.stride[1] - s.before[1] + k1 * s.dilation[1];
    const bool inside = row >= 0 && row < s.x[0] && column >= 0 && column < s.x[1];
    columns[n * s.step_image + ((c * s.k[0] + k0) * s.k[1] + k1) * s.step_channel + p0 * s.y[1] + p1] =
        inside ? x[n * s.step_x[0] + c * s.step_x[1] + row * s.step_x[2] + column * s.step_x[3]] : T(0);
  }
}

template <class T>
__global__ void add_windows(T* x, const T* columns, Windows s, int64_t total) {
  for (int64_t e = blockIdx.x * int64_t{threads} + threadIdx.x; e < total; e += int64_t{gridDim.x} * threads) {
    int64_t rest = e;
    const int64_t column = rest % s.x[1];
    rest /= s.x[1];
    const int64_t row = rest % s.x[0];
    rest /= s.x[0];
    const int64_t c = rest % s.c, n = rest / s.c;
    T sum = T(0);
    for (int64_t k0 = 0; k0 < s.k[0]; ++k0) {
      const int64_t t0 = row + s.before[0] - k0 * s.dilation[0], p0 = t0 / s.stride[0];
      if (t0 < 0 || t0 % s.stride[0] != 0 || p0 >= s.y[0]) continue;
      for (int64_t k1 = 0; k1 < s.k[1]; ++k1) {
        const int64_t t1 = column + s.before[1] - k1 * s.dilation[1], p1 = t1 / s.stride[1];
        if (t1 < 0 || t1 % s.stride[1] != 0 || p1 >= s.y[1]) continue;
        sum += columns[n * s.step_image + ((c * s.k[0] + k0) * s.k[1] + k1) * s.step_channel + p0 * s.y[1] + p1];
      }
    }
    x[n * s.step_x[0] + c * s.step_x[1] + row * s.step_x[2] + column * s.step_x[3]] = sum;
  }
}

}  // namespace

template <class T>
void unfold(T* columns, const T* x, const Windows& s) {
  const int64_t total = s.n * s.c * s.k[0] * s.k[1] * s.y[0] * s.y[1];
  launch("unfold", unfold_windows<T>, blocks_for(total, threads), threads, 0, columns, x, s, total);
}
template <class T>
void fold_windows(T* x, const T* columns, const Windows& s) {
  const int64_t total = s.n * s.c * s.x[0] * s.x[1];
  launch("fold_windows", add_windows<T>, blocks_for(total, threads), threads, 0, x, columns, s, total);
}

template void unfold(float*, const float*, const Windows&);
template void unfold(double*, const double*, const Windows&);
template void fold_windows(float*, const float*, const Windows&);
template void fold_windows(double*, const double*, const Windows&);

}  // namespace scoregrad::on_cuda
