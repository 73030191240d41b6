// New tensors. One default element type for creation: float32; say {.dtype = float64} otherwise. One default device: default_device().
#pragma once
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
/// Row-major values; throws Error if their number is not that of the shape.
Tensor from(const std::vector<double>& values, const Shape& shape, Options options = {}, Where at = Where::here());
/// A vector of its values.   [values.size()]
Tensor from(const std::vector<double>& values, Options options = {}, Where at = Where::here());
/// Indices: int64.
Tensor indices(const std::vector<int64_t>& values, const Shape& shape, Device device = default_device(), Where at = Where::here());
Tensor indices(const std::vector<int64_t>& values, Device device = default_device(), Where at = Where::here());

}  // namespace scoregrad
