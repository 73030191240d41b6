// Attention and the block that transformers are made of.
#pragma once
#include "nn/mlp.h"

namespace scoregrad::nn {

/// softmax(q k' / sqrt(d)) v over the last two axes; causal: place i sees the places up to i + (m - n) of the m, and is 0 if it
/// sees none.
/// q [.., n, d], k [.., m, d], v [.., m, e] -> [.., n, e]   (Vaswani et al. 2017)
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal = false, Where at = Where::here());

/// Attention by `heads` parts of the width side by side: x, or another sequence's places, are asked for.
/// x [.., n, width], other [.., m, width] -> [.., n, width]
struct MultiHeadAttention {
  Linear qkv;  ///< width -> 3 width: queries, keys, values
  Linear out;  ///< width -> width
  int64_t heads = 1;
  bool causal = false;

  MultiHeadAttention() = default;
  /// Throws Error unless `heads` divides `width`.
  MultiHeadAttention(int64_t width, int64_t heads_, bool causal_, const Key& key, Options options = {}, Where at = Where::here());
  MultiHeadAttention(Linear qkv_, Linear out_, int64_t heads_, bool causal_ = false)
      : qkv(std::move(qkv_)), out(std::move(out_)), heads(heads_), causal(causal_) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  /// Queries from x, keys and values from `other`.
  Tensor operator()(const Tensor& x, const Tensor& other, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("qkv", m.qkv);
    visit("out", m.out);
  }
};

struct TransformerOptions {
  int64_t heads = 4;
  int64_t hidden = 0;  ///< between the two layers of the MLP; 0: four times the width
  bool causal = false;
  Activation activation = gelu;
  int64_t condition = 0;  ///< the width of a condition that modulates both norms (AdaLN); 0: none
  double dropout = 0;     ///< rate, on what each half adds
};
/// x <- x + drop(attention(film(norm(x), c))),  x <- x + drop(mlp(film(norm(x), c))): norms before, not after (Xiong et al. 2020). It does
/// not know places; add sinusoidal_features(arange(0, n), width) to x where they matter.   x [.., n, width] -> [.., n, width]
struct TransformerBlock {
  LayerNorm norm1;
  MultiHeadAttention attention;
  LayerNorm norm2;
  MLP mlp;
  std::vector<FiLM> films;  ///< for norm1 and norm2, or none
  Dropout dropout;

  TransformerBlock() = default;
  TransformerBlock(int64_t width, const TransformerOptions& how, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  Tensor operator()(const Tensor& x, const Context& context, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("norm1", m.norm1);
    visit("attention", m.attention);
    visit("norm2", m.norm2);
    visit("mlp", m.mlp);
    visit("films", m.films);
  }
};

}  // namespace scoregrad::nn
