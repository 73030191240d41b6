// Pooling and up-sampling: compositions of slices, reductions and, for interpolation, products with small constant matrices.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autograd/graph/mode.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

// One number for each of `axes` axes.
Dims spread(const char* op, Where at, const char* what, const PerAxis& v, int axes, int64_t least) {
  Dims out;
  for (int i = 0; i < axes; ++i) out.push_back(v.rank == 1 ? v[0] : i < v.rank ? v[i] : -1);
  if ((v.rank != 1 && v.rank != axes) || *std::min_element(out.begin(), out.end()) < least)
    throw Error(at, fmt::format("{}: {} {} for {} spatial axes; wanted is one number, or one an axis, of at least {}", op, what,
                                to_string(v), axes, least));
  return out;
}

// The windows of x along its spatial axes, with the axes over which a window extends. Where windows tile x this is a view
// [n, c, windows, places, ..]; where they overlap or leave gaps, one slice a place: [places, n, c, windows..].
struct Windows {
  Tensor values;
  Axes places;

  Windows(const char* op, int axes, const Operand& ox, const PerAxis& kernel, const PoolOptions& options, double beyond) {
    Tensor x = tensor_of(ox, op);
    if (x.rank() != axes + 2 || !is_floating(x.dtype()))
      throw misfit(ox.at, op, "x", std::string("floating ") + (axes == 1 ? "[n, c, l]" : "[n, c, h, w]"), kind_of(x));
    const Dims k = spread(op, ox.at, "kernel", kernel, axes, 1), p = spread(op, ox.at, "padding", options.padding, axes, 0);
    const Dims s = options.stride.rank == 0 ? k : spread(op, ox.at, "stride", options.stride, axes, 1);
    Dims count;
    std::vector<Padding> around(2);
    bool tiled = true, padded = false;
    for (int i = 0; i < axes; ++i) {
      const int64_t extent = x.shape()[2 + i], room = extent + 2 * p[i] - k[i];
      if (2 * p[i] > k[i]) throw Error(ox.at, fmt::format("{}: padding {} is more than half of kernel {}", op, to_string(p), to_string(k)));
      if (room < 0) throw Error(ox.at, fmt::format("{}: a window of {} does not fit into x {}", op, to_string(k), to_string(x.shape())));
      count.push_back(room / s[i] + 1);
      around.push_back({p[i], p[i]});
      padded = padded || p[i] > 0;
      tiled = tiled && s[i] == k[i];
    }
    if (padded) x = pad(Operand(x, ox.at), around, beyond);
    if (tiled) {
      Shape split{x.shape()[0], x.shape()[1]};
      for (int i = 0; i < axes; ++i) {
        x = slice_axis(Operand(x, ox.at), 2 + i, 0, count[i] * k[i]);
        split.push_back(count[i]);
        places.push_back(split.rank);
        split.push_back(k[i]);
      }
      values = reshape(Operand(x, ox.at), split);
      return;
    }
    Tensors pieces;
    for (int64_t n = 0; n < numel(k); ++n) {
      std::vector<Slice> place(2);
      for (int i = 0; i < axes; ++i) {
        const int64_t at = i + 1 < axes ? n / k[1] : n % k[axes - 1];
        place.push_back({at, at + (count[i] - 1) * s[i] + 1, s[i]});
      }
      pieces.push_back(slice(Operand(x, ox.at), place));
    }
    values = stack(pieces, 0, ox.at);
    places = {0};
  }
};

Tensor largest(const char* op, int axes, const Operand& x, const PerAxis& kernel, const PoolOptions& options) {
  const CallerScope line(x.at);
  const Windows w(op, axes, x, kernel, options, -INFINITY);
  return max(Operand(w.values, x.at), w.places);
}

Tensor average(const char* op, int axes, const Operand& x, const PerAxis& kernel, const PoolOptions& options) {
  const CallerScope line(x.at);
  const Windows w(op, axes, x, kernel, options, 0);
  return mean(Operand(w.values, x.at), w.places);
}

// The matrix that interpolates n values to `scale` times as many.   [scale n, n]
Tensor interpolation(int64_t n, int64_t scale, const Options& options) {
  std::vector<double> m(static_cast<size_t>(n * n * scale));
  for (int64_t i = 0; i < n * scale; ++i) {
    const double last = static_cast<double>(n - 1);
    const double place = std::clamp((static_cast<double>(i) + 0.5) / static_cast<double>(scale) - 0.5, 0.0, last);
    const auto left = static_cast<int64_t>(place);
    const double part = place - static_cast<double>(left);
    m[static_cast<size_t>(i * n + left)] = 1 - part;
    if (part > 0) m[static_cast<size_t>(i * n + left + 1)] = part;
  }
  return from(m, {n * scale, n}, options);
}

}  // namespace

Tensor max_pool1d(Operand x, const PerAxis& kernel, const PoolOptions& options) { return largest("max_pool1d", 1, x, kernel, options); }
Tensor max_pool2d(Operand x, const PerAxis& kernel, const PoolOptions& options) { return largest("max_pool2d", 2, x, kernel, options); }
Tensor avg_pool1d(Operand x, const PerAxis& kernel, const PoolOptions& options) { return average("avg_pool1d", 1, x, kernel, options); }
Tensor avg_pool2d(Operand x, const PerAxis& kernel, const PoolOptions& options) { return average("avg_pool2d", 2, x, kernel, options); }

Tensor upsample(Operand x, const PerAxis& scale, Interpolation between) {
  const Tensor& t = tensor_of(x, "upsample");
  const int axes = t.rank() - 2;
  if (axes < 1 || axes > 2 || !is_floating(t.dtype()))
    throw misfit(x.at, "upsample", "x", "floating [n, c, l] or [n, c, h, w]", kind_of(t));
  const Dims times = spread("upsample", x.at, "scale", scale, axes, 1);
  const CallerScope line(x.at, "upsample");
  if (between == Interpolation::nearest) {
    Shape one{t.shape()[0], t.shape()[1]}, many = one, out = one;
    for (int i = 0; i < axes; ++i) {
      const int64_t n = t.shape()[2 + i];
      one.push_back(n), one.push_back(1);
      many.push_back(n), many.push_back(times[i]);
      out.push_back(n * times[i]);
    }
    check_shape(x.at, "upsample", out);
    return reshape(broadcast_to(reshape(x, one), many), out);
  }
  for (int64_t e : t.shape())
    if (e == 0) throw Error(x.at, fmt::format("upsample: x {} has nothing to interpolate", to_string(t.shape())));
  Tensor y = t;
  if (times[axes - 1] > 1) y = matmul(Operand(y, x.at), transpose(interpolation(y.extent(-1), times[axes - 1], like(t))));
  if (axes == 2 && times[0] > 1) y = matmul(Operand(interpolation(y.extent(-2), times[0], like(t)), x.at), y);
  return y;
}

}  // namespace scoregrad
