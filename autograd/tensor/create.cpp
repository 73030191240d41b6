#include "autograd/tensor/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad {
namespace {

template <class T>
Tensor upload(Where at, const std::vector<T>& host, const Shape& shape, DType dtype, Device device) {
  Tensor y = allocate(at, shape, dtype, device);
  if (!host.empty()) y.backend().upload(y.bytes(), host.data(), host.size() * sizeof(T));
  return y;
}

Tensor from_values(Where at, const std::vector<double>& values, const Shape& shape, Options o) {
  check_shape(at, "from", shape);
  if (numel(shape) != static_cast<int64_t>(values.size()))
    throw Error(at, fmt::format("from: {} values for shape {}", values.size(), to_string(shape)));
  switch (o.dtype) {
    case DType::float64:
      return upload(at, values, shape, o.dtype, o.device);
    case DType::float32:
      return upload(at, std::vector<float>(values.begin(), values.end()), shape, o.dtype, o.device);
    case DType::int64:
      return upload(at, std::vector<int64_t>(values.begin(), values.end()), shape, o.dtype, o.device);
    default: {
      std::vector<uint8_t> bytes(values.size());
      std::transform(values.begin(), values.end(), bytes.begin(), [](double v) { return v != 0; });
      return upload(at, bytes, shape, o.dtype, o.device);
    }
  }
}

}  // namespace

Tensor empty(const Shape& shape, Options o, Where at) {
  check_shape(at, "empty", shape);
  return allocate(at, shape, o.dtype, o.device);
}

Tensor full(const Shape& shape, double value, Options o, Where at) {
  check_shape(at, "full", shape);
  Tensor y = allocate(at, shape, o.dtype, o.device);
  y.backend().fill(y.view(), {value, static_cast<int64_t>(value)});
  return y;
}

Tensor zeros(const Shape& shape, Options o, Where at) { return full(shape, 0, o, at); }
Tensor ones(const Shape& shape, Options o, Where at) { return full(shape, 1, o, at); }
Tensor zeros_like(const Tensor& x, Where at) { return full(x.shape(), 0, like(x), at); }
Tensor ones_like(const Tensor& x, Where at) { return full(x.shape(), 1, like(x), at); }
Tensor scalar(double value, Options o, Where at) { return full({}, value, o, at); }

Tensor arange(double start, double stop, double step, Options o, Where at) {
  if (step == 0 || !std::isfinite(start) || !std::isfinite(stop) || !std::isfinite(step))
    throw Error(at, fmt::format("arange: cannot go from {} to {} in steps of {}", start, stop, step));
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  check_shape(at, "arange", {count < 9e18 ? static_cast<int64_t>(count) : INT64_MAX});
  std::vector<double> v(static_cast<size_t>(count));
  for (size_t i = 0; i < v.size(); ++i) v[i] = start + static_cast<double>(i) * step;
  return from_values(at, v, {static_cast<int64_t>(v.size())}, o);
}

Tensor linspace(double first, double last, int64_t count, Options o, Where at) {
  if (count < 0) throw Error(at, fmt::format("linspace: {} points", count));
  std::vector<double> v(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    v[static_cast<size_t>(i)] =
        i + 1 == count && count > 1
            ? last
            : first + static_cast<double>(i) * ((last - first) / static_cast<double>(std::max<int64_t>(1, count - 1)));
  return from_values(at, v, {count}, o);
}

Tensor eye(int64_t n, Options o, Where at) {
  Tensor y = zeros({n, n}, o, at);
  Tensor diagonal = alias(y, {n}, {n + 1}, 0);
  y.backend().fill(diagonal.view(), {1, 1});
  return y;
}

Tensor from(const std::vector<double>& values, const Shape& shape, Options o, Where at) { return from_values(at, values, shape, o); }
Tensor from(const std::vector<double>& values, Options o, Where at) {
  return from_values(at, values, {static_cast<int64_t>(values.size())}, o);
}

Tensor indices(const std::vector<int64_t>& values, const Shape& shape, Device device, Where at) {
  check_shape(at, "indices", shape);
  if (numel(shape) != static_cast<int64_t>(values.size()))
    throw Error(at, fmt::format("indices: {} values for shape {}", values.size(), to_string(shape)));
  return upload(at, values, shape, DType::int64, device);
}
Tensor indices(const std::vector<int64_t>& values, Device device, Where at) {
  return indices(values, {static_cast<int64_t>(values.size())}, device, at);
}

}  // namespace scoregrad
