// nn_blocks: a residual, an attention and a small U-shaped block, forward and to second order.
#include "losses/score_matching.h"
#include "nn/attention.h"
#include "nn/unet.h"
#include "tests/conformance/derivatives.h"
#include "tests/conformance/expectation.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

// x + conv2(silu(norm2(conv1(silu(norm1 x)) + time)))
Tensor residual(const Named& in, const Tensor& t, int64_t groups, double eps) {
  const auto conv = [&](const char* w, const char* b) { return nn::Conv2d(in.at(w), in.at(b), {.padding = 1}); };
  const nn::ResidualBlock block(nn::GroupNorm(groups, in.at("g1"), in.at("be1"), eps), conv("w1", "b1"),
                                nn::Linear(in.at("wt"), in.at("bt")), nn::GroupNorm(groups, in.at("g2"), in.at("be2"), eps),
                                conv("w2", "b2"));
  return block(in.at("x"), t);
}

void require(const Field& inputs, std::initializer_list<const char*> names) {
  for (const char* name : names) inputs[name];
}

void differentiate(const Field& test, const Named& in, const Tensor& y, Values& values) {
  Tensors xs, tangents;
  for (const auto& [name, x] : in) {
    xs.push_back(x);
    tangents.push_back(test["tangent"][name].tensor());
  }
  values.add("y", y);
  const Derivatives d = derivatives(y, test["ybar"].tensor(), xs, tangents);
  size_t i = 0;
  for (const auto& entry : in) {
    values.add("vjp." + entry.first, d.gradients[i]);
    for (const Tensors& route : d.hessian_products) values.add("hvp." + entry.first, route[i]);
    ++i;
  }
}

// Denoising score matching of a ConvScore: the mean over the images of sigma^2 times the loss.
void score_net(const Field& test, const Named& in, Values& values) {
  const auto conv = [&](const char* w, const char* b, int64_t stride) {
    return nn::Conv2d(in.at(w), in.at(b), {.stride = stride, .padding = 1});
  };
  const nn::ConvScore net(conv("w_in", "b_in", 1), nn::Linear(in.at("w_f"), in.at("b_f")), conv("w_d", "b_d", 2), conv("w_o", "b_o", 1));
  const Tensor x = in.at("x"), eps = test["eps_noise"].tensor(), sigma = test["sigma"].tensor();
  const Tensor s = net(x + sigma * eps, sigma, in.at("c"));
  const Tensor loss = mean(square(sigma) * losses::dsm(flatten(s, 1), flatten(eps, 1), sigma));
  values.add("score", s);
  values.add("loss", loss);
  for (const auto& [name, leaf] : in) values.add("grad." + name, gradient(loss, leaf));
}

}  // namespace

void nn_blocks(const Field& test, Values& values) {
  const std::string kind = test["kind"].text();
  const Field inputs = test["inputs"];
  const Named in = leaves(inputs);
  if (kind == "mini_score_net") {
    require(inputs, {"x", "c", "w_in", "b_in", "w_f", "b_f", "w_d", "b_d", "w_o", "b_o"});
    score_net(test, in, values);
  } else if (kind == "resblock") {
    require(inputs, {"x", "temb", "g1", "be1", "w1", "b1", "wt", "bt", "g2", "be2", "w2", "b2"});
    differentiate(test, in, residual(in, in.at("temb"), test["groups"].integer(), test["eps"].number()), values);
  } else if (kind == "attnblock") {
    require(inputs, {"x", "g", "be", "wqkv", "bqkv", "wo", "bo"});
    const nn::AttentionBlock block(
        nn::GroupNorm(test["groups"].integer(), in.at("g"), in.at("be"), test["eps"].number()),
        nn::MultiHeadAttention(nn::Linear(in.at("wqkv"), in.at("bqkv")), nn::Linear(in.at("wo"), in.at("bo")), test["heads"].integer()));
    differentiate(test, in, block(in.at("x")), values);
  } else {
    test["kind"].malformed("no block is called \"" + kind + "\"");
  }
}

}  // namespace conformance
