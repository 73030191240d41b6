#include "nn/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal, Where at) {
  const CallerScope scope(at);
  if (const int64_t blind = q.extent(-2) - k.extent(-2); causal && blind > 0) {  // what sees no place at all is 0
    const Tensor seeing = attention(slice_axis(q, -2, blind, q.extent(-2)), k, v, true, at);
    std::vector<Padding> before(static_cast<size_t>(seeing.rank()));
    before[before.size() - 2] = {blind, 0};
    return pad(seeing, before);
  }
  Tensor scores = matmul(q, transpose(k)) / std::sqrt(static_cast<double>(q.extent(-1)));
  if (causal) {
    const int64_t n = q.extent(-2), m = k.extent(-2);
    const Options whole{int64, q.device()};
    const Tensor asking = unsqueeze(arange(static_cast<double>(m - n), static_cast<double>(m), 1, whole), 1);
    scores = where(arange(0, static_cast<double>(m), 1, whole) <= asking, scores, -INFINITY);
  }
  return matmul(softmax(scores), v);
}

namespace {

// [.., n, width] -> [.., heads, n, width / heads]
Tensor by_head(const Tensor& x, int64_t heads) {
  Shape s = x.shape();
  s[s.rank - 1] = heads;
  s.push_back(x.extent(-1) / heads);
  return transpose(reshape(x, s), -3, -2);
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(int64_t width, int64_t heads_, bool causal_, const Key& key, Options options, Where at)
    : heads(heads_), causal(causal_) {
  if (heads < 1 || width < 1 || width % heads != 0)
    throw Error(at, fmt::format("MultiHeadAttention: {} heads do not divide the width {}", heads, width));
  qkv = Linear(width, 3 * width, key.fold("qkv"), options, at);
  out = Linear(width, width, key.fold("out"), options, at);
}

Tensor MultiHeadAttention::operator()(const Tensor& x, Where at) const { return (*this)(x, x, at); }

Tensor MultiHeadAttention::operator()(const Tensor& x, const Tensor& other, Where at) const {
  const int64_t width = out.weight.extent(1);
  for (const Tensor* t : {&x, &other})
    if (t->rank() < 2 || t->extent(-1) != width) throw misfit(at, "MultiHeadAttention", "", fmt::format("[.., places, {}]", width), *t);
  const CallerScope scope(at);
  Tensors part;
  if (&x == &other) {
    part = split(qkv(x, at), {width, width, width}, -1);
  } else {
    const auto rows = [&](int64_t first, int64_t last) {
      return Linear(slice_axis(qkv.weight, 0, first * width, last * width),
                    qkv.bias.defined() ? slice_axis(qkv.bias, 0, first * width, last * width) : Tensor());
    };
    part = split(rows(1, 3)(other, at), {width, width}, -1);
    part.insert(part.begin(), rows(0, 1)(x, at));
  }
  const Tensor mixed = attention(by_head(part[0], heads), by_head(part[1], heads), by_head(part[2], heads), causal, at);
  return out(reshape(transpose(mixed, -3, -2), x.shape()), at);
}

TransformerBlock::TransformerBlock(int64_t width, const TransformerOptions& how, const Key& key, Options options, Where at)
    : norm1(width, options, at),
      attention(width, how.heads, how.causal, key.fold("attention"), options, at),
      norm2(width, options, at),
      mlp({width, how.hidden > 0 ? how.hidden : 4 * width, width}, how.activation, key.fold("mlp"), options, at),
      dropout(how.dropout, at) {
  if (how.condition > 0)
    for (int i = 0; i < 2; ++i) films.emplace_back(how.condition, width, options, at);
}

Tensor TransformerBlock::operator()(const Tensor& x, Where at) const { return (*this)(x, Context{}, at); }

Tensor TransformerBlock::operator()(const Tensor& x, const Context& context, Where at) const {
  const CallerScope scope(at);
  const auto modulated = [&](const Tensor& h, size_t i) { return films.empty() ? h : films[i](h, context.condition, at); };
  const auto dropped = [&](const Tensor& h, int i) { return context.dropout ? dropout(h, context.dropout->fold(i), at) : h; };
  const Tensor h = x + dropped(attention(modulated(norm1(x, at), 0), at), 0);
  return h + dropped(mlp(modulated(norm2(h, at), 1), at), 1);
}

}  // namespace scoregrad::nn
