// Convolutions as matrix products: windows of images become columns [c k, positions], which the weights [o, c k] multiply. Images are taken
// in pieces whose columns fit a buffer; the pieces' gradients of the weights are added in order, so that the same shapes give the same
// bits.
#include <algorithm>

#include "cuda/convolution_kernels.h"
#include "cuda/kernels.h"
#include "cuda/memory.h"

namespace scoregrad::on_cuda {

namespace {

constexpr int64_t columns_bytes = int64_t{256} << 20;

View rows_of(void* data, DType t, const Shape& shape) { return {data, t, shape, contiguous_strides(shape)}; }
/// `v` with the first extent cut to [begin, begin + count).
View images(const View& v, int64_t begin, int64_t count) {
  View part = v;
  part.shape[0] = count;
  part.data = static_cast<char*>(v.data) + begin * v.strides[0] * static_cast<int64_t>(size_of(v.dtype));
  return part;
}

/// v itself if its elements lie in row-major order, else a copy.
class Packed {
 public:
  explicit Packed(const View& v)
      : copy_(is_contiguous(v.shape, v.strides) ? 0 : (numel(v.shape) * static_cast<int64_t>(size_of(v.dtype)) + 7) / 8),
        view_{copy_.data() ? copy_.data() : v.data, v.dtype, v.shape, contiguous_strides(v.shape)} {
    if (copy_.data()) run({}, calls::Copy{view_, v});
  }
  const View& view() const { return view_; }

 private:
  Scratch<double> copy_;
  View view_;
};

struct Sizes {
  Windows windows;
  int64_t groups, inputs, outputs, rows, piece;  // channels and outputs of a group; rows of its columns; images at a time

  Sizes(const View& x, const View& w, const View& y, const Convolution& g)
      : windows{}, groups(g.groups), inputs(x.shape[1] / g.groups), outputs(y.shape[1] / g.groups) {
    windows.n = x.shape[0];
    windows.c = x.shape[1];
    for (int i = 0; i < 2; ++i) {
      windows.x[i] = x.shape[2 + i], windows.k[i] = w.shape[2 + i], windows.y[i] = y.shape[2 + i];
      windows.stride[i] = g.stride[i], windows.before[i] = g.before[i], windows.dilation[i] = g.dilation[i];
    }
    for (int i = 0; i < 4; ++i) windows.step_x[i] = x.strides[i];
    rows = inputs * windows.window();
    const int64_t image = groups * rows * windows.area() * static_cast<int64_t>(size_of(x.dtype));
    piece = std::clamp<int64_t>(columns_bytes / image, 1, windows.n);
  }
};

template <class T>
void forward(const View& y, const View& x, const View& w, Sizes s) {
  const int64_t area = s.windows.area();
  Scratch<T> columns(s.piece * s.groups * s.rows * area);
  const Packed weights(w);
  Scratch<T> result(is_contiguous(y.shape, y.strides) ? 0 : numel(y.shape));
  T* out = result.data() ? result.data() : static_cast<T*>(y.data);
  s.windows.step_image = s.groups * s.rows * area;
  s.windows.step_channel = area;
  for (int64_t begin = 0; begin < x.shape[0]; begin += s.piece) {
    const int64_t n = s.windows.n = std::min(s.piece, x.shape[0] - begin);
    unfold(columns.data(), static_cast<const T*>(images(x, begin, n).data), s.windows);
    View w4 = rows_of(weights.view().data, w.dtype, {n, s.groups, s.outputs, s.rows});
    w4.strides[0] = 0;
    run({}, calls::Matmul{rows_of(out + begin * s.groups * s.outputs * area, y.dtype, {n, s.groups, s.outputs, area}), w4,
                          rows_of(columns.data(), y.dtype, {n, s.groups, s.rows, area})});
  }
  if (result.data()) run({}, calls::Copy{y, rows_of(out, y.dtype, y.shape)});
}

template <class T>
void input(const View& x, const View& y, const View& w, Sizes s) {
  const int64_t area = s.windows.area();
  Scratch<T> columns(s.piece * s.groups * s.rows * area);
  const Packed weights(w), packed_y(y);
  const T* from = static_cast<const T*>(packed_y.view().data);
  s.windows.step_image = s.groups * s.rows * area;
  s.windows.step_channel = area;
  for (int64_t begin = 0; begin < x.shape[0]; begin += s.piece) {
    const int64_t n = s.windows.n = std::min(s.piece, x.shape[0] - begin);
    const View turned{weights.view().data, w.dtype, {n, s.groups, s.rows, s.outputs}, {0, s.outputs * s.rows, 1, s.rows}};
    run({}, calls::Matmul{rows_of(columns.data(), y.dtype, {n, s.groups, s.rows, area}), turned,
                          rows_of(const_cast<T*>(from) + begin * s.groups * s.outputs * area, y.dtype, {n, s.groups, s.outputs, area})});
    fold_windows(static_cast<T*>(images(x, begin, n).data), columns.data(), s.windows);
  }
}

// Here the sum goes over images and positions: both are laid side by side, so that one product serves a piece.
template <class T>
void weight(const View& w, const View& x, const View& y, Sizes s) {
  const int64_t area = s.windows.area(), pieces = (x.shape[0] + s.piece - 1) / s.piece, size = s.groups * s.outputs * s.rows;
  Scratch<T> columns(s.piece * s.groups * s.rows * area), sides(s.piece * s.groups * s.outputs * area), sums(pieces * size);
  for (int64_t p = 0; p < pieces; ++p) {
    const int64_t begin = p * s.piece, n = s.windows.n = std::min(s.piece, x.shape[0] - begin);
    s.windows.step_image = area;
    s.windows.step_channel = n * area;
    unfold(columns.data(), static_cast<const T*>(images(x, begin, n).data), s.windows);
    View beside = rows_of(sides.data(), y.dtype, {n, y.shape[1], y.shape[2], y.shape[3]});
    beside.strides[0] = area;
    beside.strides[1] = n * area;
    run({}, calls::Copy{beside, images(y, begin, n)});
    const View left = rows_of(sides.data(), y.dtype, {s.groups, s.outputs, n * area});
    const View right{columns.data(), y.dtype, {s.groups, n * area, s.rows}, {s.rows * n * area, 1, n * area}};
    run({}, calls::Matmul{rows_of(sums.data() + p * size, y.dtype, {s.groups, s.outputs, s.rows}), left, right});
  }
  View sum = rows_of(sums.data(), w.dtype, w.shape);
  Scratch<T> total(pieces > 1 ? size : 0);
  if (pieces > 1) {
    run({}, calls::Reduce{Reduction::sum, rows_of(total.data(), w.dtype, {1, size}), rows_of(sums.data(), w.dtype, {pieces, size}), {0}});
    sum.data = total.data();
  }
  run({}, calls::Copy{w, sum});
}

}  // namespace

void run(Where at, const calls::Convolve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  if (numel(a.shape) == 0 || numel(b.shape) == 0) return run(at, calls::Fill{out, {0, 0}});
  if (!is_floating(out.dtype)) throw Error(at, "convolution: only float32 and float64 arrays can be convolved");
  dispatch_floating(out.dtype, [&]<class T>(T) {
    switch (c.part) {
      case ConvolutionPart::forward:
        return forward<T>(out, a, b, Sizes(a, b, out, c.geometry));
      case ConvolutionPart::input:
        return input<T>(out, a, b, Sizes(out, b, a, c.geometry));
      case ConvolutionPart::weight:
        return weight<T>(out, a, b, Sizes(a, out, b, c.geometry));
    }
  });
}

}  // namespace scoregrad::on_cuda
