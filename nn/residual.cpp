#include "nn/residual.h"

#include <fmt/format.h>

#include "autograd/tensor/misfit.h"
#include "nn/fits.h"

namespace scoregrad::nn {

ResidualBlock::ResidualBlock(int64_t in, int64_t out, int64_t embedding, int64_t groups, const Key& key, Options options, Where at)
    : norm1(groups, in, options, at),
      conv1(in, out, 3, {.padding = 1}, key.fold("conv1"), options, at),
      norm2(groups, out, options, at),
      conv2(out, out, 3, {.padding = 1}, key.fold("conv2"), options, at) {
  if (embedding != 0) time = Linear(embedding, out, key.fold("time"), options, at);
  if (in != out) skip = Conv2d(in, out, 1, {}, key.fold("skip"), options, at);
}

Tensor ResidualBlock::operator()(const Tensor& x, const Tensor& t, Where at) const { return (*this)(x, t, std::nullopt, at); }

Tensor ResidualBlock::operator()(const Tensor& x, const Tensor& t, const std::optional<Key>& key, Where at) const {
  if (t.defined() != time.weight.defined())
    throw Error(at, fmt::format("ResidualBlock: {}", t.defined() ? "built without an embedding, but called with one" : "t is missing"));
  const CallerScope scope(at);
  Tensor h = conv1(silu(norm1(x)));
  if (t.defined()) {
    if (t.rank() != 2) throw misfit(at, "ResidualBlock", "t", "[n, embedding]", t);
    check_beside("ResidualBlock", "t", t, 1, x, at);
    h = h + unsqueeze(unsqueeze(time(t), -1), -1);
  }
  h = conv2(dropout(silu(norm2(h)), key, at));
  return (skip.weight.defined() ? skip(x) : x) + h;
}

}  // namespace scoregrad::nn
