// New tensors. One default element type for creation: float32; say {.dtype = float64} otherwise. One default device: default_device().
#pragma once
#include <initializer_list>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

struct Options {
  DType dtype = DType::float32;
  Device device = default_device();
};
/// The options that make a tensor like x.
inline Options like(const Tensor& x) { return {x.dtype(), x.device()}; }

/// Elements with undefined contents.
Tensor empty(const Shape& shape, Options options = {}, Where at = Where::here());
Tensor zeros(const Shape& shape, Options options = {}, Where at = Where::here());
Tensor ones(const Shape& shape, Options options = {}, Where at = Where::here());
Tensor full(const Shape& shape, double value, Options options = {}, Where at = Where::here());
Tensor zeros_like(const Tensor& x, Where at = Where::here());
Tensor ones_like(const Tensor& x, Where at = Where::here());
/// A 0-d tensor.
Tensor scalar(double value, Options options = {}, Where at = Where::here());
/// start, start + step, ... below stop.   [ceil((stop - start) / step)]
Tensor arange(double start, double stop, double step = 1, Options options = {}, Where at = Where::here());
/// count points from first to last, both included.   [count]
Tensor linspace(double first, double last, int64_t count, Options options = {}, Where at = Where::here());
/// The identity matrix.   [n, n]
Tensor eye(int64_t n, Options options = {}, Where at = Where::here());
/// A number, or a list of lists of numbers in braces: {{1, 2}, {3, 4}} has the shape [2, 2].
class Nested {
 public:
  template <class N, class = std::enable_if_t<std::is_arithmetic_v<N>>>
  Nested(N value) : values{static_cast<double>(value)} {}
  Nested(std::initializer_list<Nested> rows);
  std::vector<double> values;  ///< row-major
  Shape shape;
  bool ragged = false;  ///< rows of different shapes
};
/// The numbers of nested braces, or as many in another shape; throws Error if rows differ in length or the shape wants another number.
Tensor from(const Nested& values, Options options = {}, Where at = Where::here());
Tensor from(const Nested& values, const Shape& shape, Options options = {}, Where at = Where::here());
/// The same from a vector of double, float, int, int64_t or bool; without a shape it stays a vector. The element type is the options',
/// whatever the vector's: float32 unless said otherwise.
template <class N>
Tensor from(const std::vector<N>& values, const Shape& shape, Options options = {}, Where at = Where::here());
template <class N>
Tensor from(const std::vector<N>& values, Options options = {}, Where at = Where::here());
/// Indices: int64.
Tensor indices(const std::vector<int64_t>& values, const Shape& shape, Device device = default_device(), Where at = Where::here());
Tensor indices(const std::vector<int64_t>& values, Device device = default_device(), Where at = Where::here());

}  // namespace scoregrad
