#include "nn/mlp.h"

#include <fmt/format.h>

namespace scoregrad::nn {

MLP::MLP(const std::vector<int64_t>& widths, Activation activation_, const Key& key, Options options, Where at)
    : MLP(widths, {.activation = activation_}, key, options, at) {}

MLP::MLP(const std::vector<int64_t>& widths, const MLPOptions& how, const Key& key, Options options, Where at)
    : activation(how.activation), residual(how.residual), dropout(how.dropout, at) {
  if (widths.size() < 2) throw Error(at, fmt::format("MLP: {} widths, but input and output are needed", widths.size()));
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    layers.emplace_back(widths[i], widths[i + 1], key.fold(i), options, at);
    if (i + 2 == widths.size()) break;
    if (how.norm) norms.emplace_back(widths[i + 1], options, at);
    if (how.condition > 0) films.emplace_back(how.condition, widths[i + 1], options, at);
  }
}

Tensor MLP::operator()(const Tensor& x, Where at) const { return (*this)(x, Context{}, at); }

Tensor MLP::operator()(const Tensor& x, const Context& context, Where at) const {
  const CallerScope scope(at);
  Tensor h = x;
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    Tensor z = layers[i](h, at);
    if (!norms.empty()) z = norms[i](z, at);
    if (!films.empty()) z = films[i](z, context.condition, at);
    z = activation(z);
    if (context.dropout) z = dropout(z, context.dropout->fold(i), at);
    h = residual && z.shape() == h.shape() ? h + z : z;
  }
  return layers.empty() ? h : layers.back()(h, at);
}

}  // namespace scoregrad::nn
