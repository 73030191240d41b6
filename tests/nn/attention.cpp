#include "nn/attention.h"

#include "tests/close.h"
#include "tests/nn/checked.h"

using namespace scoregrad;

namespace {
const Options f64{.dtype = float64};

// softmax(q k' / sqrt d) v, place by place.
std::vector<double> naive(const Tensor& q, const Tensor& k, const Tensor& v, bool causal) {
  const int64_t n = q.extent(0), m = k.extent(0), d = q.extent(1), e = v.extent(1);
  const auto at = [](const Tensor& t, int64_t i, int64_t j) { return t.to_vector<double>()[static_cast<size_t>(i * t.extent(1) + j)]; };
  std::vector<double> out;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> weight;
    double total = 0;
    for (int64_t j = 0; j < m; ++j) {
      double score = 0;
      for (int64_t c = 0; c < d; ++c) score += at(q, i, c) * at(k, j, c);
      weight.push_back(causal && j > i + (m - n) ? 0 : std::exp(score / std::sqrt(static_cast<double>(d))));
      total += weight.back();
    }
    for (int64_t c = 0; c < e; ++c) {
      double y = 0;
      for (int64_t j = 0; j < m; ++j) y += weight[static_cast<size_t>(j)] / total * at(v, j, c);
      out.push_back(y);
    }
  }
  return out;
}
}  // namespace

TEST_CASE("attention is a mean of values by the softmax of scaled products, causal or not") {
  const Tensor q = draw({3, 4}, -1, 1, 1), k = draw({5, 4}, -1, 1, 2), v = draw({5, 2}, -1, 1, 3);
  check_close(nn::attention(q, k, v), naive(q, k, v, false), 1e-13);
  check_close(nn::attention(q, k, v, true), naive(q, k, v, true), 1e-13);
  for (bool causal : {false, true})
    check_gradients([=](const Tensors& x) { return nn::attention(x[0], x[1], x[2], causal); }, {q, k, v}, {.directions = 1});
}

TEST_CASE("a place that sees no other is 0 in causal attention, and leaves gradients finite") {
  const Tensor q = from({1, 2, 3, 4, 5, 6}, {3, 2}, f64).requires_grad(), k = from({1, 0}, {1, 2}, f64).requires_grad(),
               v = from({7, 8, 9}, {1, 3}, f64).requires_grad();
  const Tensor y = nn::attention(q, k, v, true);
  CHECK(apart(y.detach(), from({0, 0, 0, 0, 0, 0, 7, 8, 9}, {3, 3}, f64)) == 0);
  const Tensors g = grad(sum(y), {q, k, v});
  CHECK(apart(g[0], zeros({3, 2}, f64)) == 0);
  CHECK(apart(g[2], ones({1, 3}, f64)) == 0);
  CHECK(nn::attention(q, k, v, false).extent(0) == 3);
}

TEST_CASE("heads attend by their own parts of the width, and a causal block does not see what comes later") {
  const nn::MultiHeadAttention self(6, 2, false, Key(1), f64);
  const Tensor x = draw({2, 4, 6}, -1, 1, 4), y = self(x);
  const Tensor one = select(x, 0, 1), qkv = self.qkv(one);
  Tensors parts;
  for (int64_t h = 0; h < 2; ++h) {
    const auto part = [&](int64_t which) { return slice_axis(qkv, 1, 6 * which + 3 * h, 6 * which + 3 * h + 3); };
    parts.push_back(from(naive(part(0), part(1), part(2), false), {4, 3}, f64));
  }
  CHECK(apart(select(y, 0, 1), self.out(concat(parts, 1))) < 1e-13);
  CHECK(apart(self(x, clone(x)), y) < 1e-13);  // the other sequence is the same one
  CHECK(self(x, draw({2, 7, 6})).shape() == x.shape());

  const nn::TransformerBlock block(6, {.heads = 3, .causal = true}, Key(2), f64);
  const Tensor changed = concat({slice_axis(x, 1, 0, 2), draw({2, 2, 6}, 1, 2, 9)}, 1);
  CHECK(apart(slice_axis(block(x), 1, 0, 2), slice_axis(block(changed), 1, 0, 2)) < 1e-14);
  CHECK(apart(slice_axis(block(x), 1, 2, 4), slice_axis(block(changed), 1, 2, 4)) > 0.01);
  CHECK_THROWS_AS(nn::MultiHeadAttention(6, 4, false, Key(1)), Error);
  CHECK(contains(message_of([&] { self(draw({2, 4, 5})); }), "MultiHeadAttention"));
}

TEST_CASE("a transformer block is its formula, with names for its parameters") {
  const nn::TransformerBlock block(4, {.heads = 2, .hidden = 5, .condition = 3}, Key(3), f64);
  const Tensor x = draw({2, 3, 4}), c = draw({2, 3}, -1, 1, 2);
  const Tensor h = x + block.attention(block.norm1(x)), want = h + block.mlp(block.norm2(h));
  CHECK(apart(block(x, {.condition = c}), want) < 1e-14);  // FiLM starts as the identity
  std::vector<std::string> names;
  for (const auto& [name, t] : nn::named_parameters(block)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"norm1.weight", "norm1.bias", "attention.qkv.weight", "attention.qkv.bias",
                                          "attention.out.weight", "attention.out.bias", "norm2.weight", "norm2.bias", "mlp.layers.0.weight",
                                          "mlp.layers.0.bias", "mlp.layers.1.weight", "mlp.layers.1.bias", "films.0.projection.weight",
                                          "films.0.projection.bias", "films.1.projection.weight", "films.1.projection.bias"});
  CHECK(contains(message_of([&] { block(x); }), "condition"));
}

TEST_CASE("gradients of attention and of a conditioned causal block are right to second order, in both precisions") {
  const auto forward = [](const nn::TransformerBlock& m, const Tensors& v) { return m(v[0], {.condition = v[1]}); };
  check_module(nn::TransformerBlock(4, {.heads = 2, .hidden = 3, .causal = true, .condition = 2}, Key(4), f64), forward,
               {draw({2, 3, 4}), draw({2, 2}, -1, 1, 2)});
  check_module(nn::TransformerBlock(4, {.heads = 2, .hidden = 3, .condition = 2}, Key(4)), forward,
               {draw({2, 3, 4}, -2, 2, 0, float32), draw({2, 2}, -1, 1, 2, float32)}, {.order = 1, .directions = 1});
  check_module(nn::MultiHeadAttention(4, 2, false, Key(5), f64),
               [](const nn::MultiHeadAttention& m, const Tensors& v) { return m(v[0], v[1]); }, {draw({3, 4}), draw({2, 4}, -1, 1, 2)});
}
