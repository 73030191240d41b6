#include "autograd/ops/random.h"

#include <fmt/format.h>

#include "autograd/ops/ops.h"

namespace scoregrad {
namespace {

Tensor draw(const char* op, Random kind, const Shape& shape, const Key& key, Options o, uint64_t offset, Where at) {
  check_shape(at, op, shape);
  if (!is_floating(o.dtype)) throw Error(at, fmt::format("{}: not defined for {}", op, name_of(o.dtype)));
  if (key.lives_in_tensor() && key.tensor().device() != o.device)
    throw Error(at, fmt::format("{}: a key on {} for numbers on {}", op, name_of(key.tensor().device()), name_of(o.device)));
  Tensor y = allocate(at, shape, o.dtype, o.device);
  y.backend().call(at, calls::Draw{kind, y.view(), key.words(), offset});
  return y;
}

}  // namespace

Tensor uniform(const Shape& shape, const Key& key, Options o, uint64_t offset, Where at) {
  return draw("uniform", Random::uniform, shape, key, o, offset, at);
}

Tensor normal(const Shape& shape, const Key& key, Options o, uint64_t offset, Where at) {
  return draw("normal", Random::normal, shape, key, o, offset, at);
}

Tensor rademacher(const Shape& shape, const Key& key, Options o, uint64_t offset, Where at) {
  return 2 * floor(2 * draw("rademacher", Random::uniform, shape, key, o, offset, at)) - 1;
}

Tensor integers(int64_t low, int64_t high, const Shape& shape, const Key& key, Options o, uint64_t offset, Where at) {
  int64_t count;
  if (high <= low) throw Error(at, fmt::format("integers: the range [{}, {}) is empty", low, high));
  if (__builtin_sub_overflow(high, low, &count) || count > int64_t{1} << 53)
    throw Error(at, fmt::format("integers: the range [{}, {}) holds more than 2^53 numbers", low, high));
  if (o.dtype == DType::boolean) throw Error(at, "integers: not defined for bool");
  const CallerScope line(at, "integers");
  const Tensor u = draw("integers", Random::uniform, shape, key, {DType::float64, o.device}, offset, at);
  return to(to(floor(u * static_cast<double>(count)), DType::int64) + low, o.dtype);
}

// 53 random bits an element: ties, which the stable sort would not shuffle, have probability n^2 / 2^54.
Tensor permutation(int64_t n, const Key& key, Device device, Where at) {
  return sort(draw("permutation", Random::uniform, {n}, key, {DType::float64, device}, 0, at), 0).indices;
}

}  // namespace scoregrad
