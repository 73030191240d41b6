// Every op, declared once: the map of the library. Elementwise ops and operators are the rows of autograd/backend/elementwise.def.
// Conventions: negative axes count from the end; an empty list of axes means all; `keep` keeps reduced axes with extent one.
// Gradients of all ops are themselves differentiable, to any order. Every op throws Error on shapes, dtypes or devices that do not fit.
#pragma once
#include <optional>

#include "autograd/graph/arithmetic.h"
#include "autograd/ops/elementwise.h"
#include "autograd/tensor/create.h"

namespace scoregrad {

using Operands = std::vector<Operand>;

// ---- reductions: reduce.cpp, reduction.cpp, length.cpp, composite.cpp
// -------------------------------------------------------------------------
/// y = sum of x over `axes`. The tree of additions depends on the shape and axes only (autograd/backend/reduction_tree.h).
Tensor sum(Operand x, const Axes& axes = {}, bool keep = false);
/// y = product of x over `axes`.   d/dx_i = product of the others, also where x has zeros
Tensor prod(Operand x, const Axes& axes = {}, bool keep = false);
/// Largest element over `axes`; equal ones share the gradient. NaN propagates.
Tensor max(Operand x, const Axes& axes = {}, bool keep = false);
/// Smallest element over `axes`; equal ones share the gradient. NaN propagates.
Tensor min(Operand x, const Axes& axes = {}, bool keep = false);
/// Index of the first largest element along one axis, int64.
Tensor argmax(Operand x, int64_t axis, bool keep = false);
Tensor argmin(Operand x, int64_t axis, bool keep = false);
/// y_i = x_0 + ... + x_i along one axis.
Tensor cumsum(Operand x, int64_t axis);
/// y = (1/n) sum of x.
Tensor mean(Operand x, const Axes& axes = {}, bool keep = false);
/// y = sum (x - mean x)^2 / (n - correction).
Tensor var(Operand x, const Axes& axes = {}, int64_t correction = 1, bool keep = false);
/// y = sqrt(var x), the standard deviation; std names a namespace.
Tensor stddev(Operand x, const Axes& axes = {}, int64_t correction = 1, bool keep = false);
/// y = sqrt(sum x^2), also where the squares overflow. At 0 the gradient is 0 by convention and the second derivative not finite, but
/// square(norm(x)) is differentiated as the sum of squares that it is.
Tensor norm(Operand x, const Axes& axes = {}, bool keep = false);
/// y = log sum exp x, without overflow.
Tensor logsumexp(Operand x, const Axes& axes = {}, bool keep = false);
/// True where any (all) of a bool tensor's elements are true.
Tensor any(Operand x, const Axes& axes = {}, bool keep = false);
Tensor all(Operand x, const Axes& axes = {}, bool keep = false);

// ---- shapes: view.cpp, slice.cpp -------------------------------------------------------------------------------------------------
/// The same elements in row-major order under another shape; one extent may be -1. A view where strides allow it.
Tensor reshape(Operand x, const Shape& shape);
/// Axis i of the result is axis order[i] of x. A view.
Tensor permute(Operand x, const Axes& order);
/// Swaps two axes; by default the last two. A view.
Tensor transpose(Operand x, int64_t a = -2, int64_t b = -1);
/// A new axis of extent one before `axis`. A view.
Tensor unsqueeze(Operand x, int64_t axis);
/// Drops axes of extent one; all of them if none is named. A view.
Tensor squeeze(Operand x, const Axes& axes = {});
/// All axes from `first` to `last` as one.
Tensor flatten(Operand x, int64_t first = 0, int64_t last = -1);

/// start, start + step, ... before stop along one axis. Bounds count from the end if negative and are clamped as in Python; step may be
/// negative, then leave start and stop out to reverse the whole axis.
struct Slice {
  std::optional<int64_t> start = {}, stop = {};
  int64_t step = 1;
};
/// x[slices[0], slices[1], ...]; axes without a slice are whole. A view.
Tensor slice(Operand x, const std::vector<Slice>& slices);
/// Elements start .. stop-1 of one axis. A view.
Tensor slice_axis(Operand x, int64_t axis, int64_t start, int64_t stop);
/// Entry `index` of one axis, which disappears. A view.
Tensor select(Operand x, int64_t axis, int64_t index);
/// Reverses axes. A view.
Tensor flip(Operand x, const Axes& axes);
/// The diagonal of the last two axes. A view.   [.., n, n] -> [.., n]
Tensor diagonal(Operand x);

// ---- moving elements: layout.cpp, transfer.cpp -----------------------------------------------------------------------------------
/// Joins tensors along an existing axis.
Tensor concat(const Tensors& xs, int64_t axis, Where at = Where::here());
/// Joins tensors along a new axis.
Tensor stack(const Tensors& xs, int64_t axis = 0, Where at = Where::here());
/// Cuts x into pieces of the given extents along one axis.
Tensors split(Operand x, const std::vector<int64_t>& extents, int64_t axis);
struct Padding {
  int64_t before = 0, after = 0;
};
/// Surrounds x with `value`; one Padding an axis.
Tensor pad(Operand x, const std::vector<Padding>& padding, double value = 0);
/// y_(i + shift mod n) = x_i along one axis.
Tensor roll(Operand x, int64_t shift, int64_t axis);
/// The lower (upper) triangle of the last two axes, zeros elsewhere.
Tensor tril(Operand x, int64_t diagonal = 0);
Tensor triu(Operand x, int64_t diagonal = 0);
/// A diagonal matrix from a vector.   [.., n] -> [.., n, n]
Tensor diag(Operand x);
/// A copy with contiguous strides; x itself if it has them.
Tensor contiguous(Operand x);
/// A copy with its own bytes.
Tensor clone(Operand x);
/// x on another device or with another element type. Casts between floating types are differentiable.
Tensor to(Operand x, Device device);
Tensor to(Operand x, DType dtype);

// ---- indices: index.cpp ----------------------------------------------------------------------------------------------------------
/// y[i][j] = x[index[i][j]][j] (axis 0); index: int64, shaped like the result.
Tensor gather(Operand x, int64_t axis, const Tensor& index);
/// y = x, then y[index[i][j]][j] += src[i][j] (axis 0), in order of i.
Tensor scatter_add(Operand x, int64_t axis, const Tensor& index, Operand src);
/// y[i, :] = x[index[i], :] (axis 0); index: int64 [n].
Tensor index_select(Operand x, int64_t axis, const Tensor& index);
/// y = x, then y[index[i], :] += src[i, :] (axis 0), in order of i.
Tensor index_add(Operand x, int64_t axis, const Tensor& index, Operand src);
/// Rows of a table.   weight [n, d], index int64 of any shape -> [index.shape, d]
Tensor embedding(Operand weight, const Tensor& index);
/// y[.., k] = 1 if index[..] == k else 0.   int64 [..] -> [.., classes]
Tensor one_hot(const Tensor& index, int64_t classes, DType dtype = DType::float32, Where at = Where::here());
struct Sorted {
  Tensor values, indices;
};
/// Sorts along one axis, stable, NaN last; the gradient follows the elements.
Sorted sort(Operand x, int64_t axis = -1, bool descending = false);

// ---- matrices: matmul.cpp, linalg.cpp, einsum.cpp ----------------------------------------------------------------------------------
/// Matrix product over the last two axes with broadcast leading axes; a vector operand is a row (left) or a column (right).
Tensor matmul(Operand a, Operand b);
/// y_ij = a_i b_j.
Tensor outer(Operand a, Operand b);
/// sum_i a_i b_i over the last axis, the others broadcast.
Tensor dot(Operand a, Operand b);
/// Sum of the diagonal of the last two axes.
Tensor trace(Operand x);
/// Einstein summation, "bij,bkj->bik"; repeated letters in one operand take its diagonal, an absent "->" orders free letters by alphabet.
Tensor einsum(const std::string& spec, const Tensors& xs, Where at = Where::here());
/// Lower L with L L' = a. Only the lower triangle is read and the gradient is symmetric.   [.., n, n]
Tensor cholesky(Operand a);
/// a^-1 b.   [.., n, n], [.., n, k] -> [.., n, k]
Tensor solve(Operand a, Operand b);
/// a^-1 b or a'^-1 b, reading only one triangle of a.
Tensor triangular_solve(Operand a, Operand b, Triangle triangle = Triangle::lower, bool transposed = false);
/// a^-1.
Tensor inverse(Operand a);
struct LogDeterminant {
  Tensor sign;       ///< [..]: -1, 0 or 1, constant
  Tensor logabsdet;  ///< [..]: log |det a|, -inf where a is singular
};
/// det a = sign exp(logabsdet), without overflow.   [.., n, n]
LogDeterminant slogdet(Operand a);
struct EigenDecomposition {
  Tensor values;   ///< [.., n], ascending
  Tensor vectors;  ///< [.., n, n], one a column, of length one, its largest entry positive
};
/// a = V diag(w) V' of the symmetric part (a + a') / 2. Derivatives of vectors, and second ones of values, exist for distinct values only
/// and are not finite otherwise.   [.., n, n]
EigenDecomposition eigh(Operand a);

// ---- convolutions and windows: convolution.cpp, window.cpp; x is [n, c, l] or [n, c, h, w] --------------------------------------------
/// A number for each spatial axis; one number stands for all of them.
struct PerAxis : Dims {
  PerAxis() = default;
  PerAxis(int64_t all) : Dims{all} {}
  PerAxis(std::initializer_list<int64_t> each) : Dims(each) {}
};
struct ConvOptions {
  PerAxis stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;          ///< parts of the channels that are convolved each by itself
  PerAxis padding_after = {};  ///< where the padding behind the last element differs from `padding`
};
/// y[n, o, p] = sum over c, k of x[n, c, stride p - padding + dilation k] weight[o, c, k], with x = 0 outside.   x [n, c, l],
/// weight [o, c / groups, k] -> [n, o, (l + padding + padding_after - dilation (k - 1) - 1) / stride + 1], rounded down
Tensor conv1d(Operand x, Operand weight, const ConvOptions& options = {});
/// The same over two axes.   x [n, c, h, w], weight [o, c / groups, kh, kw] -> [n, o, ph, pw]
Tensor conv2d(Operand x, Operand weight, const ConvOptions& options = {});
/// The adjoint of conv1d in its x: <conv1d(z, weight), x> = <z, y>.   x [n, o, p], weight [o, c / groups, k] ->
/// [n, c, stride (p - 1) + dilation (k - 1) + 1 - padding - padding_after + output_padding], where output_padding < stride or dilation
Tensor conv_transpose1d(Operand x, Operand weight, const ConvOptions& options = {}, const PerAxis& output_padding = 0);
Tensor conv_transpose2d(Operand x, Operand weight, const ConvOptions& options = {}, const PerAxis& output_padding = 0);

struct PoolOptions {
  PerAxis stride = {};  ///< the kernel's extents if not given
  PerAxis padding = 0;  ///< on both sides, at most half the kernel
};
/// The largest element of each window; equal ones share the gradient. Padding is never the largest.   [n, c, l] -> [n, c, (l + 2 padding -
/// kernel) / stride + 1], rounded down
Tensor max_pool1d(Operand x, const PerAxis& kernel, const PoolOptions& options = {});
Tensor max_pool2d(Operand x, const PerAxis& kernel, const PoolOptions& options = {});
/// The mean of each window, in which padding counts as zeros.
Tensor avg_pool1d(Operand x, const PerAxis& kernel, const PoolOptions& options = {});
Tensor avg_pool2d(Operand x, const PerAxis& kernel, const PoolOptions& options = {});
enum class Interpolation : uint8_t { nearest, linear };
/// Each spatial axis `scale` times as long. nearest: y_i = x_(i / scale), rounded down. linear: between the two nearest centres, where the
/// centre of y_i lies at (i + 1/2) / scale - 1/2, constant beyond the outermost; over two axes this is bilinear.
Tensor upsample(Operand x, const PerAxis& scale, Interpolation between = Interpolation::nearest);

// ---- compositions: composite.cpp; norms: norm.cpp ----------------------------------------------------------------------------------
/// min(max(x, lo), hi), the bounds numbers or tensors; gradient 1 inside and on the bounds, beyond them it is the bound's.
Tensor clamp(Operand x, Operand lo, Operand hi);
/// x for x > 0, else slope x.
Tensor leaky_relu(Operand x, double slope = 0.01);
/// x for x > 0, else alpha (e^x - 1).
Tensor elu(Operand x, double alpha = 1);
/// exp x / sum exp x along one axis.
Tensor softmax(Operand x, int64_t axis = -1);
Tensor log_softmax(Operand x, int64_t axis = -1);
/// (x - mean) / sqrt(var + eps) * weight + bias over the last axes that weight has.
Tensor layer_norm(Operand x, Operand weight, Operand bias, double eps = 1e-5);
/// The same over groups of channels and all positions.   x [n, c, ..], weight and bias [c]
Tensor group_norm(Operand x, int64_t groups, Operand weight, Operand bias, double eps = 1e-5);
/// The same over the positions of each channel by itself.   x [n, c, ..], weight and bias [c]
Tensor instance_norm(Operand x, Operand weight, Operand bias, double eps = 1e-5);

// ---- writing in place: inplace.cpp; refused on tracked tensors while recording ------------------------------------------------------
/// y = x, y = value, y += x, for y's own elements. Each counts as a write: a gradient that still needs the old values throws.
void copy_(const Tensor& y, Operand x);
void fill_(const Tensor& y, double value, Where at = Where::here());
void zero_(const Tensor& y, Where at = Where::here());
void add_(const Tensor& y, Operand x);
void mul_(const Tensor& y, Operand x);

}  // namespace scoregrad
