// Slices and what follows from them; their transpose writes into zeros.
#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

// A slice with its bounds resolved: element first + k step for k in [0, count), axis by axis.
struct Window {
  Dims first, step, count;
  std::string attributes() const { return fmt::format("first={} step={} count={}", to_string(first), to_string(step), to_string(count)); }
};

Tensor window_view(const Tensor& x, const Window& w) {
  Strides strides = x.strides();
  int64_t offset = x.body().offset;
  for (int i = 0; i < w.first.rank; ++i) {
    if (w.count[i] > 0) offset += w.first[i] * strides[i];
    strides[i] *= w.step[i];
  }
  return alias(x, w.count, strides, offset);
}

Tensor windowed(const Operand& x, const Window& w);
Tensor unslice(const Operand& g, const Window& w, const Shape& whole);

struct SliceRule {
  static constexpr Primitive primitive = Primitive::slice;
  Window window;
  std::string attributes() const { return window.attributes(); }
  Tensor apply(const Tensor& t) const { return windowed(t, window); }
  Tensor transpose(const Tensor& g, const Shape& operand) const { return unslice(g, window, operand); }
};
struct UnsliceRule {
  static constexpr Primitive primitive = Primitive::unslice;
  Window window;
  Shape whole;
  std::string attributes() const { return window.attributes(); }
  Tensor apply(const Tensor& t) const { return unslice(t, window, whole); }
  Tensor transpose(const Tensor& g, const Shape&) const { return windowed(g, window); }
};

Tensor windowed(const Operand& x, const Window& w) { return record_linear(SliceRule{w}, x, window_view(x.tensor(), w)); }

// Zeros with g in the window.
Tensor unslice(const Operand& g, const Window& w, const Shape& whole) {
  const Tensor& t = g.tensor();
  Tensor y = zeros(whole, like(t), g.at);
  y.backend().call(g.at, calls::Copy{window_view(y, w).view(), t.view()});
  return record_linear(UnsliceRule{w, whole}, g, y);
}

struct DiagonalRule {
  static constexpr Primitive primitive = Primitive::diagonal;
  Tensor apply(const Tensor& t) const { return diagonal(t); }
  Tensor transpose(const Tensor& g, const Shape&) const { return diag(g); }
};
struct DiagRule {
  static constexpr Primitive primitive = Primitive::diag;
  Tensor apply(const Tensor& t) const { return diag(t); }
  Tensor transpose(const Tensor& g, const Shape&) const { return diagonal(g); }
};

Tensor diagonal_view(const Tensor& x) {
  Shape shape = x.shape();
  Strides strides = x.strides();
  const int last = x.rank() - 1;
  strides[last - 1] = strides[last - 1] + strides[last];
  shape.rank = strides.rank = last;
  return alias(x, shape, strides, x.body().offset);
}

}  // namespace

Tensor slice(Operand operand, const std::vector<Slice>& slices) {
  const Tensor& x = tensor_of(operand, "slice");
  if (static_cast<int>(slices.size()) > x.rank())
    throw Error(operand.at, fmt::format("slice: {} slices for a tensor of shape {}", slices.size(), to_string(x.shape())));
  Window w{x.shape(), x.shape(), x.shape()};
  for (int i = 0; i < x.rank(); ++i) {
    const Slice s = i < static_cast<int>(slices.size()) ? slices[static_cast<size_t>(i)] : Slice{};
    if (s.step == 0) throw Error(operand.at, "slice: the step is zero");
    const int64_t n = x.shape()[i], low = s.step > 0 ? 0 : -1, high = s.step > 0 ? n : n - 1;
    const auto bound = [&](std::optional<int64_t> v, int64_t otherwise) {
      return v ? std::clamp(*v < 0 ? *v + n : *v, low, high) : otherwise;
    };
    const int64_t first = bound(s.start, s.step > 0 ? low : high), stop = bound(s.stop, s.step > 0 ? high : low);
    const int64_t span = s.step > 0 ? stop - first : first - stop, stride = s.step > 0 ? s.step : -std::max(s.step, -INT64_MAX);
    w.first[i] = first;
    w.count[i] = span > 0 ? (span - 1) / stride + 1 : 0;
    w.step[i] = w.count[i] > 1 ? s.step : 1;  // one step beyond an only element may be too far for an offset
  }
  return windowed(operand, w);
}

Tensor slice_axis(Operand x, int64_t axis, int64_t start, int64_t stop) {
  const Shape& s = tensor_of(x, "slice_axis").shape();
  const int i = normal_axis(x.at, "slice_axis", axis, s.rank);
  if (start < 0 || stop < start || stop > s[i])
    throw Error(x.at,
                fmt::format("slice_axis: elements {} to {} wanted of axis {} of {}, which has {}", start, stop, i, to_string(s), s[i]));
  std::vector<Slice> slices(static_cast<size_t>(i) + 1);
  slices.back() = {start, stop};
  return slice(x, slices);
}

Tensor select(Operand x, int64_t axis, int64_t index) {
  const Shape& s = tensor_of(x, "select").shape();
  const int i = normal_axis(x.at, "select", axis, s.rank);
  const int64_t at = index < 0 ? index + s[i] : index;
  if (at < 0 || at >= s[i])
    throw Error(x.at, fmt::format("select: index {} wanted of axis {} of {}, which has {}", index, i, to_string(s), s[i]));
  const Tensor thin = slice_axis(x, i, at, at + 1);
  return squeeze(Operand(thin, x.at), {i});
}

Tensor Tensor::operator[](Index place) const { return select(Operand(*this, place.at.file, place.at.line), 0, place.i); }

Tensor flip(Operand x, const Axes& axes) {
  const int rank = tensor_of(x, "flip").rank();
  std::vector<Slice> slices(static_cast<size_t>(rank));
  for (int64_t a : normal_axes(x.at, "flip", axes, rank)) slices[static_cast<size_t>(a)].step = -1;
  return slice(x, slices);
}

Tensor diagonal(Operand operand) {
  const Tensor& x = tensor_of(operand, "diagonal");
  if (x.rank() < 2 || x.extent(-1) != x.extent(-2)) throw misfit(operand.at, "diagonal", "", "[.., n, n]", x);
  return record_linear(DiagonalRule{}, operand, diagonal_view(x));
}

Tensor diag(Operand operand) {
  const Tensor& x = tensor_of(operand, "diag");
  if (x.rank() < 1) throw Error(operand.at, "diag: a 0-d tensor has no axis");
  check_rank(x.rank() + 1, "diag", operand.at);
  Shape shape = x.shape();
  shape.push_back(x.extent(-1));
  Tensor y = zeros(shape, like(x), operand.at);
  y.backend().call(operand.at, calls::Copy{diagonal_view(y).view(), x.view()});
  return record_linear(DiagRule{}, operand, y);
}

}  // namespace scoregrad
