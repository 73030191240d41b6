// Convolutions as matrix products: the windows of an image are laid out as columns [c k, positions], which the weights [o, c k] multiply.
// Images are dealt out in pieces by shape alone; the gradients of the weights of the pieces are added in order.
#include "cpu/convolution.h"

#include <algorithm>
#include <cstring>

#include "cpu/gemm.h"
#include "cpu/kernels.h"
#include "cpu/memory.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {

ConvolutionSizes::ConvolutionSizes(ConvolutionPart part, const View& out, const View& a, const View& b, const Convolution& g)
    : groups(g.groups) {
  const View& xs = part == ConvolutionPart::input ? out : a;
  const View& ws = part == ConvolutionPart::weight ? out : b;
  const View& ys = part == ConvolutionPart::forward ? out : part == ConvolutionPart::input ? a : b;
  n = xs.shape[0], c = xs.shape[1], o = ys.shape[1];
  for (int i = 0; i < 2; ++i) {
    x[i] = xs.shape[2 + i], k[i] = ws.shape[2 + i], y[i] = ys.shape[2 + i];
    stride[i] = g.stride[i], before[i] = g.before[i], dilation[i] = g.dilation[i];
  }
}

namespace {

constexpr double piece_flops = 8e6, flops_per_ns = 50;
constexpr int64_t most_pieces = 16;  // of the gradient of the weights, each of which needs a sum of its own

/// A view's elements in row-major order: itself or a copy.
template <class T>
class Packed {
 public:
  explicit Packed(const View& v) : copy_(is_contiguous(v.shape, v.strides) ? 0 : numel(v.shape)), data_(static_cast<const T*>(v.data)) {
    if (!copy_.data()) return;
    run({}, calls::Copy{{copy_.data(), v.dtype, v.shape, contiguous_strides(v.shape)}, v});
    data_ = copy_.data();
  }
  const T* data() const { return data_; }

 private:
  Scratch<T> copy_;
  const T* data_;
};

/// Along one axis, the positions [first, last) whose place k in the window lies within x.
struct Inside {
  int64_t first, last;
  Inside(const ConvolutionSizes& s, int axis, int64_t k) {
    const int64_t shift = k * s.dilation[axis] - s.before[axis], stride = s.stride[axis];
    first = shift >= 0 ? 0 : std::min(s.y[axis], (-shift + stride - 1) / stride);
    last = shift >= s.x[axis] ? first : std::max(first, std::min(s.y[axis], (s.x[axis] - 1 - shift) / stride + 1));
  }
};

/// Calls run(column, pixel, count) for each run of positions along the width that reads pixels within x, column and pixel being offsets
/// into the columns and into the image, and blank(column, count) for each that lies outside.
template <class Run, class Blank>
void for_windows(const ConvolutionSizes& s, Run&& run, Blank&& blank) {
  int64_t column = 0;
  for (int64_t c = 0; c < s.inputs(); ++c)
    for (int64_t k0 = 0; k0 < s.k[0]; ++k0)
      for (int64_t k1 = 0; k1 < s.k[1]; ++k1) {
        const Inside rows(s, 0, k0), columns(s, 1, k1);
        for (int64_t p = 0; p < s.y[0]; ++p, column += s.y[1]) {
          if (p < rows.first || p >= rows.last || columns.first == columns.last) {
            blank(column, s.y[1]);
            continue;
          }
          const int64_t row = p * s.stride[0] + k0 * s.dilation[0] - s.before[0];
          const int64_t pixel = columns.first * s.stride[1] + k1 * s.dilation[1] - s.before[1];
          blank(column, columns.first);
          run(column + columns.first, (c * s.x[0] + row) * s.x[1] + pixel, columns.last - columns.first);
          blank(column + columns.last, s.y[1] - columns.last);
        }
      }
}

template <class T>
void unfold(T* columns, const T* image, const ConvolutionSizes& s) {
  const int64_t stride = s.stride[1];
  for_windows(
      s,
      [&](int64_t column, int64_t pixel, int64_t n) {
        if (stride == 1) {
          std::memcpy(columns + column, image + pixel, static_cast<size_t>(n) * sizeof(T));
        } else {
          for (int64_t i = 0; i < n; ++i) columns[column + i] = image[pixel + i * stride];
        }
      },
      [&](int64_t column, int64_t n) { std::fill_n(columns + column, n, T(0)); });
}

/// The adjoint of unfold, into an image of zeros.
template <class T>
void fold(T* image, const T* columns, const ConvolutionSizes& s) {
  const int64_t stride = s.stride[1];
  for_windows(
      s,
      [&](int64_t column, int64_t pixel, int64_t n) {
        for (int64_t i = 0; i < n; ++i) image[pixel + i * stride] += columns[column + i];
      },
      [](int64_t, int64_t) {});
}

/// True if the columns are the image itself.
bool pointwise(const ConvolutionSizes& s) {
  bool same = s.window() == 1;
  for (int i = 0; i < 2; ++i) same = same && s.stride[i] == 1 && s.before[i] == 0 && s.x[i] == s.y[i];
  return same;
}

template <class T>
void forward_image(T* y, const T* x, const T* w, T* columns, const ConvolutionSizes& s) {
  const int64_t rows = s.inputs() * s.window(), area = s.y_area();
  if (!pointwise(s)) unfold(columns, x, s);
  gemm<T>({y, area, 1}, {w, rows, 1}, {pointwise(s) ? x : columns, area, 1}, s.outputs(), area, rows);
}

template <class T>
void input_image(T* x, const T* y, const T* w, T* columns, const ConvolutionSizes& s) {
  const int64_t rows = s.inputs() * s.window(), area = s.y_area();
  gemm<T>({pointwise(s) ? x : columns, area, 1}, {w, 1, rows}, {y, area, 1}, rows, area, s.outputs());
  if (pointwise(s)) return;
  std::fill_n(x, s.inputs() * s.x_area(), T(0));
  fold(x, columns, s);
}

/// sum = or += y columns'.
template <class T>
void weight_image(T* sum, bool first, const T* x, const T* y, T* columns, T* product, const ConvolutionSizes& s) {
  const int64_t rows = s.inputs() * s.window(), area = s.y_area(), outputs = s.outputs();
  if (!pointwise(s)) unfold(columns, x, s);
  gemm<T>({first ? sum : product, rows, 1}, {y, area, 1}, {pointwise(s) ? x : columns, 1, area}, outputs, rows, area);
  if (first) return;
  for (int64_t i = 0; i < outputs * rows; ++i) sum[i] += product[i];
}

template <class T>
void images(ConvolutionPart part, T* out, const T* a, const T* b, const ConvolutionSizes& s) {
  const int64_t items = s.n * s.groups, rows = s.inputs() * s.window(), weights = s.outputs() * rows;
  const double flops = s.flops() / static_cast<double>(s.groups);
  const int64_t x_step = s.inputs() * s.x_area(), y_step = s.outputs() * s.y_area(), columns = pointwise(s) ? 0 : rows * s.y_area();
  Failure failure;
  if (part != ConvolutionPart::weight) {
    const auto grain = static_cast<int64_t>(std::clamp(piece_flops / flops, 1.0, 1e6));
    parallel_ranges(items, grain, flops / flops_per_ns, [&](int64_t begin, int64_t end) {
      failure.guard([&] {
        Scratch<T> scratch(columns);
        for (int64_t i = begin; i < end; ++i) {
          const T* w = b + i % s.groups * weights;
          if (part == ConvolutionPart::forward)
            forward_image(out + i * y_step, a + i * x_step, w, scratch.data(), s);
          else
            input_image(out + i * x_step, a + i * y_step, w, scratch.data(), s);
        }
      });
    });
    return failure.rethrow();
  }
  // Pieces of the batch: the first writes the result, the others sums of their own.
  const auto wanted = static_cast<int64_t>(std::clamp(s.flops() * static_cast<double>(s.n) / piece_flops, 1.0, double{most_pieces}));
  const int64_t grain = (s.n + wanted - 1) / wanted, pieces = (s.n + grain - 1) / grain, size = s.groups * weights;
  Scratch<T> partial((pieces - 1) * size);
  parallel_for(pieces * s.groups, flops * static_cast<double>(items) / flops_per_ns, [&](int64_t job) {
    const int64_t piece = job / s.groups, group = job % s.groups, begin = piece * grain, end = std::min(s.n, begin + grain);
    T* sum = (piece == 0 ? out : partial.data() + (piece - 1) * size) + group * weights;
    failure.guard([&] {
      Scratch<T> scratch(columns), product(end - begin > 1 ? weights : 0);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i * s.groups + group;
        weight_image(sum, i == begin, a + at * x_step, b + at * y_step, scratch.data(), product.data(), s);
      }
    });
  });
  failure.rethrow();
  for (int64_t p = 0; p + 1 < pieces; ++p)
    for (int64_t i = 0; i < size; ++i) out[i] += partial[p * size + i];
}

template <class T>
void contiguous_arrays(ConvolutionPart part, T* out, const View& a, const View& b, const ConvolutionSizes& s) {
  const Packed<T> left(a), right(b);
  if constexpr (std::is_same_v<T, float>)
    if (plane_convolution(part, out, left.data(), right.data(), s) || onednn_convolution(part, out, left.data(), right.data(), s)) return;
  images(part, out, left.data(), right.data(), s);
}

template <class T>
void any_layout(ConvolutionPart part, const View& out, const View& a, const View& b, const ConvolutionSizes& s) {
  if (is_contiguous(out.shape, out.strides)) return contiguous_arrays(part, static_cast<T*>(out.data), a, b, s);
  Scratch<T> result(numel(out.shape));
  contiguous_arrays(part, result.data(), a, b, s);
  run({}, calls::Copy{out, {result.data(), out.dtype, out.shape, contiguous_strides(out.shape)}});
}

}  // namespace

void run(Where at, const calls::Convolve& c) {
  const View &out = c.out, &a = c.a, &b = c.b;
  if (numel(out.shape) == 0) return;
  if (numel(a.shape) == 0 || numel(b.shape) == 0) return run(at, calls::Fill{out, {0, 0}});
  const ConvolutionSizes sizes(c.part, out, a, b, c.geometry);
  if (out.dtype == DType::float32) return any_layout<float>(c.part, out, a, b, sizes);
  if (out.dtype == DType::float64) return any_layout<double>(c.part, out, a, b, sizes);
  throw Error(at, "convolution: only float32 and float64 arrays can be convolved");
}

}  // namespace scoregrad::on_cpu
