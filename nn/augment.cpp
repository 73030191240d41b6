#include "nn/augment.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

void check(const char* op, const Tensor& images, Where at) {
  if (!images.defined() || images.rank() != 4) throw misfit(at, op, "", "[n, c, h, w]", images);
}

}  // namespace

Tensor flipped(const Tensor& images, const Key& key, Where at) {
  check("flipped", images, at);
  const CallerScope scope(at, "flipped");
  const Tensor mirrored = uniform({images.extent(0), 1, 1, 1}, key, {float32, images.device()}) < 0.5;
  return where(mirrored, flip(images, {3}), images);
}

Tensor shifted(const Tensor& images, int64_t most, const Key& key, double value, Where at) {
  check("shifted", images, at);
  if (most < 0) throw Error(at, fmt::format("shifted: by up to {} pixels", most));
  const CallerScope scope(at, "shifted");
  const int64_t n = images.extent(0), c = images.extent(1), h = images.extent(2), w = images.extent(3), wide = w + 2 * most;
  const Options whole{DType::int64, images.device()};
  const auto places = [&](int64_t count, const Key& k) {  // [n, 1, count]
    const Tensor begin = integers(0, 2 * most + 1, {n, 1, 1}, k, whole);
    return begin + arange(0, static_cast<double>(count), 1, whole);
  };
  const Tensor framed = pad(images, {{}, {}, {most, most}, {most, most}}, value);
  const Tensor rows = gather(framed, 2, contiguous(broadcast_to(unsqueeze(places(h, key.fold(0)), -1), {n, c, h, wide})));
  return gather(rows, 3, contiguous(broadcast_to(unsqueeze(places(w, key.fold(1)), 1), {n, c, h, w})));
}

}  // namespace scoregrad::nn
