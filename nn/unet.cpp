#include "nn/unet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

AttentionBlock::AttentionBlock(int64_t channels, int64_t heads, int64_t groups, const Key& key, Options options, Where at)
    : norm(groups, channels, options, at), attention(channels, heads, false, key, options, at) {}

Tensor AttentionBlock::operator()(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  const Tensor pixels = transpose(flatten(norm(x), 2));  // [n, h w, channels]
  return x + reshape(transpose(attention(pixels)), x.shape());
}

UNet::UNet(const UNetOptions& how, const Key& key, Options options, Where at) {
  if (how.channels < 1 || how.widths.empty() || how.blocks < 1 || how.embedding < 1 || how.features < 2 || how.condition < 0)
    throw Error(at, fmt::format("UNet: {} channels, widths [{}], {} blocks, {} features, a condition of width {} embedded in {}",
                                how.channels, fmt::join(how.widths, ", "), how.blocks, how.features, how.condition, how.embedding));
  features = FourierFeatures(1, how.features, 1, key.fold("features"), options, at);
  embed.emplace_back(how.features + how.condition, how.embedding, key.fold("embed").fold(0), options, at);
  embed.emplace_back(how.embedding, how.embedding, key.fold("embed").fold(1), options, at);
  in = Conv2d(how.channels, how.widths.front(), 3, {.padding = 1}, key.fold("in"), options, at);

  const auto block = [&](int64_t from, int64_t to, const Key& k) {
    ResidualBlock made(from, to, how.embedding, how.groups, k, options, at);
    made.dropout = Dropout(how.dropout, at);
    return made;
  };
  int64_t width = how.widths.front();
  for (size_t i = 0; i < how.widths.size(); ++i) {
    const Key k = key.fold("level").fold(i);
    const int64_t own = how.widths[i], coarser = i + 1 < how.widths.size() ? how.widths[i + 1] : own;
    Resolution here;
    for (int64_t n = 0; n < how.blocks; ++n) {
      here.down.push_back(block(n == 0 ? width : own, own, k.fold("down").fold(n)));
      here.up.push_back(block((n == 0 ? coarser : own) + own, own, k.fold("up").fold(n)));
    }
    if (i + 1 < how.widths.size()) here.shrink = Conv2d(own, own, 3, {.stride = 2, .padding = 1}, k.fold("shrink"), options, at);
    if (i > 0) here.grow = Conv2d(own, own, 3, {.padding = 1}, k.fold("grow"), options, at);
    resolutions.push_back(std::move(here));
    width = own;
  }
  for (int i = 0; i < 2; ++i) middle.push_back(block(width, width, key.fold("middle").fold(i)));
  if (how.heads > 0) attention.emplace_back(width, how.heads, how.groups, key.fold("attention"), options, at);
  norm = GroupNorm(how.groups, how.widths.front(), options, at);
  out = Conv2d(how.widths.front(), how.outputs == 0 ? how.channels : how.outputs, 3, {.padding = 1}, key.fold("out"), options, at);
}

Tensor UNet::operator()(const Tensor& x, const Tensor& noise, const Tensor& c, Where at) const {
  return (*this)(x, noise, Context{.condition = c}, at);
}

Tensor UNet::operator()(const Tensor& x, const Tensor& noise, const Context& context, Where at) const {
  const Tensor& c = context.condition;
  const int64_t told = embed.empty() ? 0 : embed[0].weight.extent(1) - 2 * features.frequencies.extent(0);
  if (x.rank() != 4 || (noise.rank() != 0 && noise.shape() != Shape{x.extent(0)}) || c.defined() != (told > 0) ||
      (c.defined() && c.extent(-1) != told))
    throw misfit(at, "UNet", "x, noise and c",
                 fmt::format("[n, channels, h, w], [n] or one number, {}", told > 0 ? fmt::format("[n, {}]", told) : "nothing"),
                 extents_of({x, noise, c}));
  const CallerScope scope(at);
  const int64_t n = x.extent(0);
  Tensors known{features(broadcast_to(reshape(noise, {-1, 1}), {n, 1}))};
  if (c.defined()) known.push_back(broadcast_to(c, {n, told}));
  const Tensor t = silu(embed[1](silu(embed[0](concat(known, 1)))));

  uint64_t blocks = 0;
  const auto run = [&](const ResidualBlock& block, const Tensor& h) {
    return block(h, t, context.dropout ? std::optional(context.dropout->fold(blocks++)) : std::nullopt);
  };
  Tensor h = in(x);
  Tensors seen;
  for (const Resolution& each : resolutions) {
    for (const ResidualBlock& block : each.down) seen.push_back(h = run(block, h));
    if (each.shrink.weight.defined()) h = each.shrink(h);
  }
  h = run(middle[0], h);
  for (const AttentionBlock& block : attention) h = block(h);
  h = run(middle[1], h);
  for (size_t i = resolutions.size(); i-- > 0;) {
    for (const ResidualBlock& block : resolutions[i].up) {
      h = run(block, concat({h, seen.back()}, 1));
      seen.pop_back();
    }
    if (i > 0) h = resolutions[i].grow(doubled(h, seen.back()));
  }
  return out(silu(norm(h)));
}

}  // namespace scoregrad::nn
