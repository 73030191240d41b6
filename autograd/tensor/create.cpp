#include "autograd/tensor/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad {
namespace {

Tensor to_device(Where at, const Tensor& host, Device device) {
  if (device == cpu) return host;
  Tensor y = allocate(at, host.shape(), host.dtype(), device);
  const size_t bytes = static_cast<size_t>(y.numel()) * size_of(y.dtype());
  if (bytes > 0) y.backend().call(at, calls::Upload{calls::bytes_at(y.bytes(), bytes), {host.bytes(), bytes}});
  return y;
}

// Integers are never made of fractions, NaN or what is beyond their range.
int64_t whole(Where at, const char* op, double v) {
  if (!(v >= -0x1p63 && v < 0x1p63 && v == std::floor(v))) throw Error(at, fmt::format("{}: {} is not an int64", op, v));
  return static_cast<int64_t>(v);
}

Tensor from_doubles(Where at, const char* op, const double* values, const Shape& shape, Options o) {
  if (o.dtype == DType::int64)
    for (int64_t i = 0; i < numel(shape); ++i) whole(at, op, values[i]);
  Tensor y = allocate(at, shape, o.dtype, cpu);
  y.backend().call(at, calls::Copy{y.view(), {const_cast<double*>(values), DType::float64, shape, contiguous_strides(shape)}});
  return to_device(at, y, o.device);
}

Tensor from_vector(Where at, const std::vector<double>& values, const Shape& shape, Options o) {
  check_shape(at, "from", shape);
  if (numel(shape) != static_cast<int64_t>(values.size()))
    throw Error(at, fmt::format("from: {} values for shape {}, which wants {}", values.size(), to_string(shape), numel(shape)));
  return from_doubles(at, "from", values.data(), shape, o);
}

// count values of f(0), f(1), ...; the pool says so where there is no memory for them.
template <class F>
Tensor sequence(Where at, const char* op, int64_t count, Options o, F&& f) {
  check_shape(at, op, {count});
  const Tensor host = allocate(at, {count}, DType::float64, cpu);
  for (int64_t i = 0; i < count; ++i) host.data<double>()[i] = f(static_cast<double>(i));
  return from_doubles(at, op, host.data<double>(), {count}, o);
}

Tensor filled_like(const char* op, const Tensor& x, double value, Where at) {
  if (!x.defined()) throw Error(at, fmt::format("{}: the tensor is undefined: it was default-constructed and never assigned", op));
  return full(x.shape(), value, like(x), at);
}

}  // namespace

Tensor empty(const Shape& shape, Options o, Where at) {
  check_shape(at, "empty", shape);
  return allocate(at, shape, o.dtype, o.device);
}

Tensor full(const Shape& shape, double value, Options o, Where at) {
  check_shape(at, "full", shape);
  Tensor y = allocate(at, shape, o.dtype, o.device);
  y.backend().call(at, calls::Fill{y.view(), {value, o.dtype == DType::int64 ? whole(at, "full", value) : value != 0}});
  return y;
}

Tensor zeros(const Shape& shape, Options o, Where at) { return full(shape, 0, o, at); }
Tensor ones(const Shape& shape, Options o, Where at) { return full(shape, 1, o, at); }
Tensor zeros_like(const Tensor& x, Where at) { return filled_like("zeros_like", x, 0, at); }
Tensor ones_like(const Tensor& x, Where at) { return filled_like("ones_like", x, 1, at); }
Tensor scalar(double value, Options o, Where at) { return full({}, value, o, at); }

Tensor arange(double start, double stop, double step, Options o, Where at) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step))
    throw Error(at, fmt::format("arange: cannot go from {} to {} in steps of {}", start, stop, step));
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  return sequence(at, "arange", count < 9e18 ? static_cast<int64_t>(count) : INT64_MAX, o, [&](double i) { return start + i * step; });
}

Tensor linspace(double first, double last, int64_t count, Options o, Where at) {
  const double step = (last - first) / static_cast<double>(std::max<int64_t>(1, count - 1));
  return sequence(at, "linspace", count, o,
                  [&](double i) { return i + 1 == static_cast<double>(count) && i > 0 ? last : first + i * step; });
}

Tensor eye(int64_t n, Options o, Where at) {
  Tensor y = zeros({n, n}, o, at);
  Tensor diagonal = alias(y, {n}, {n + 1}, 0);
  y.backend().call(at, calls::Fill{diagonal.view(), {1, 1}});
  return y;
}

Nested::Nested(std::initializer_list<Nested> entries) : shape{static_cast<int64_t>(entries.size())} {
  if (entries.size() == 0) return;
  const Nested& first = *entries.begin();
  ragged = first.shape.rank == max_rank;  // one axis more than there can be
  for (int i = 0; i < first.shape.rank && !ragged; ++i) shape.push_back(first.shape[i]);
  for (const Nested& row : entries) {
    ragged = ragged || row.ragged || row.shape != first.shape;
    values.insert(values.end(), row.values.begin(), row.values.end());
  }
}

Tensor from(const Nested& values, Options o, Where at) {
  if (values.ragged)
    throw Error(at, fmt::format("from: rows of different lengths in braces, or more than {} of these in each other", max_rank));
  return from_vector(at, values.values, values.shape, o);
}
Tensor from(const Nested& values, const Shape& shape, Options o, Where at) { return from_vector(at, values.values, shape, o); }

template <class N>
Tensor from(const std::vector<N>& values, const Shape& shape, Options o, Where at) {
  if constexpr (std::is_same_v<N, double>)
    return from_vector(at, values, shape, o);
  else
    return from_vector(at, std::vector<double>(values.begin(), values.end()), shape, o);
}
template <class N>
Tensor from(const std::vector<N>& values, Options o, Where at) {
  return from(values, {static_cast<int64_t>(values.size())}, o, at);
}
#define SG_FROM(N)                                                           \
  template Tensor from(const std::vector<N>&, const Shape&, Options, Where); \
  template Tensor from(const std::vector<N>&, Options, Where);
SG_FROM(double)
SG_FROM(float)
SG_FROM(int)
SG_FROM(int64_t)
SG_FROM(bool)
#undef SG_FROM

Tensor indices(const std::vector<int64_t>& values, const Shape& shape, Device device, Where at) {
  check_shape(at, "indices", shape);
  if (numel(shape) != static_cast<int64_t>(values.size()))
    throw Error(at, fmt::format("indices: {} values for shape {}", values.size(), to_string(shape)));
  Tensor y = allocate(at, shape, DType::int64, cpu);
  std::copy(values.begin(), values.end(), y.data<int64_t>());
  return to_device(at, y, device);
}
Tensor indices(const std::vector<int64_t>& values, Device device, Where at) {
  return indices(values, {static_cast<int64_t>(values.size())}, device, at);
}

}  // namespace scoregrad
