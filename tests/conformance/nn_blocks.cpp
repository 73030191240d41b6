// nn_blocks: a residual, an attention and a small U-shaped block, forward and to second order.
#include <cmath>

#include "tests/conformance/derivatives.h"
#include "tests/conformance/expectation.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

// x [N, C, H, W]: group norm, attention among the pixels in each head, projection, residual.
Tensor attention(const Named& in, int64_t groups, int64_t heads, double eps) {
  const Tensor& x = in.at("x");
  const int64_t n = x.extent(0), channels = x.extent(1), pixels = x.extent(2) * x.extent(3), width = channels / heads;
  const Tensor tokens = transpose(flatten(group_norm(x, groups, in.at("g"), in.at("be"), eps), 2));  // [N, HW, C]
  const Tensors qkv = split(nn::Linear(in.at("wqkv"), in.at("bqkv"))(tokens), {channels, channels, channels}, 2);
  const auto by_head = [&](const Tensor& t) { return permute(reshape(t, {n, pixels, heads, width}), {0, 2, 1, 3}); };
  const Tensor scores = matmul(by_head(qkv[0]), transpose(by_head(qkv[1]))) / std::sqrt(static_cast<double>(width));
  const Tensor mixed = reshape(permute(matmul(softmax(scores), by_head(qkv[2])), {0, 2, 1, 3}), {n, pixels, channels});
  return x + reshape(transpose(nn::Linear(in.at("wo"), in.at("bo"))(mixed)), x.shape());
}

}  // namespace

void nn_blocks(const Field& test, Values& values) {
  const std::string kind = test["kind"].text();
  if (kind == "resblock" || kind == "mini_score_net") throw Unsupported(kind + ": the library has no convolution yet");
  if (kind != "attnblock") test["kind"].malformed("no block is called \"" + kind + "\"");
  const Named in = leaves(test["inputs"]);
  for (const char* needed : {"x", "g", "be", "wqkv", "bqkv", "wo", "bo"}) test["inputs"][needed];
  Tensors xs, tangents;
  for (const auto& [name, x] : in) {
    xs.push_back(x);
    tangents.push_back(test["tangent"][name].tensor());
  }
  const Tensor y = attention(in, test["groups"].integer(), test["heads"].integer(), test["eps"].number());
  values.add("y", y);
  const Derivatives d = derivatives(y, test["ybar"].tensor(), xs, tangents);
  size_t i = 0;
  for (const auto& entry : in) {
    values.add("vjp." + entry.first, d.gradients[i]);
    for (const Tensors& route : d.hessian_products) values.add("hvp." + entry.first, route[i]);
    ++i;
  }
}

}  // namespace conformance
