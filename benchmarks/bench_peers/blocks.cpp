#include "benchmarks/bench_peers/blocks.h"

#include <scoregrad.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

namespace sg = scoregrad;
using sg::nn::Conv2d;
using sg::nn::GroupNorm;
using sg::nn::Linear;

namespace bench {
namespace {

const double log_min = std::log(0.01), log_max = std::log(5.0);

sg::Tensor over_pixels(const sg::Tensor& v) { return sg::reshape(v, {v.extent(0), v.extent(1), 1, 1}); }

struct Block {
  Conv2d conv;
  GroupNorm norm;
  Linear time;

  Block(int64_t in, int64_t out, int64_t stride, const sg::Key& key)
      : conv(in, out, 3, {.stride = stride, .padding = 1}, key.fold("conv")), norm(8, out), time(64, out, key.fold("time")) {}
  sg::Tensor operator()(const sg::Tensor& x, const sg::Tensor& e) const { return sg::silu(norm(conv(x)) + over_pixels(time(e))); }
  static void fields(auto& m, auto visit) {
    visit("conv", m.conv);
    visit("norm", m.norm);
    visit("time", m.time);
  }
};

// 28 x 28 images, one level down and up: 32, 64, 128, 64, 32 channels.
struct UNet {
  Linear time;
  std::vector<Block> blocks;
  Conv2d out;

  explicit UNet(const sg::Key& key) : time(1, 64, key.fold("time")), out(32, 1, 3, {.padding = 1}, key.fold("out")) {
    const int64_t widths[5][3] = {{1, 32, 1}, {32, 64, 2}, {64, 128, 1}, {128, 64, 1}, {96, 32, 1}};
    for (const auto& w : widths) blocks.emplace_back(w[0], w[1], w[2], key.fold(w[0]));
  }
  sg::Tensor operator()(const sg::Tensor& x, const sg::Tensor& level) const {
    const sg::Tensor e = sg::silu(time(level)), first = blocks[0](x, e);
    const sg::Tensor inner = blocks[3](blocks[2](blocks[1](first, e), e), e);
    return out(blocks[4](sg::concat({sg::upsample(inner, 2), first}, 1), e));
  }
  static void fields(auto& m, auto visit) {
    visit("time", m.time);
    visit("blocks", m.blocks);
    visit("out", m.out);
  }
};

struct ImageTraining {
  UNet net{sg::Key(0).fold("net")};
  sg::nn::Adam adam{sg::nn::parameters(net)};
  sg::Tensor x = sg::uniform({64, 1, 28, 28}, sg::Key(0).fold("x")), key = sg::Key(0).fold("data").tensor();

  sg::Tensor step() {
    const sg::Key k(key);
    const sg::Tensor level = sg::uniform({64, 1}, k.fold("sigma")) * (log_max - log_min) + log_min;
    const sg::Tensor eps = sg::normal({64, 1, 28, 28}, k.fold("eps"));
    const sg::Tensor o = net(x + over_pixels(sg::exp(level)) * eps, level * 0.25);
    const sg::Tensor loss = sg::mean(sg::square(o + eps));
    adam.step(sg::grad(loss, adam.parameters()));
    sg::copy_(key, sg::Key(key).fold("next").tensor());
    return loss.detach();
  }
};

void check(double loss) {
  if (loss > 0 && loss < 5) return;
  std::fprintf(stderr, "the loss left its range: %g\n", loss);
  std::exit(1);
}

void conv_unet(const Options& o) {
  const std::string name = "conv_unet_step";
  ImageTraining eager, replayed;
  time_case(
      o, name + "_eager", [&] { check(eager.step().item()); }, "eager");
  auto step = sg::compile([&] { return replayed.step(); });
  time_case(
      o, name, [&] { check(step().item()); }, "compiled");
  const sg::NoGrad plain;
  const sg::Tensor level = sg::zeros({64, 1});
  time_case(
      o, "conv_unet_fwd_nograd", [&] { eager.net(eager.x, level); }, "forward, nothing recorded");
}

sg::Tensor gelu_by_tanh(const sg::Tensor& x) {
  return 0.5 * x * (1 + sg::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * (x * x * x))));
}

// Batch 64, 49 places of width 128, 4 heads, causal; the gradient of mean y^2 to all parameters and x.
struct Attention {
  static constexpr int64_t batch = 64, places = 49, width = 128, heads = 4;
  const sg::Key key{0};
  Linear qkv{width, 3 * width, key.fold("qkv")}, out{width, width, key.fold("out")};
  Linear up{width, 4 * width, key.fold("up")}, down{4 * width, width, key.fold("down")};
  sg::nn::LayerNorm norm1{width}, norm2{width};
  sg::Tensor x = sg::normal({batch, places, width}, key.fold("x")).requires_grad();
  sg::Tensor mask = sg::triu(sg::full({places, places}, -1e9), 1);

  static void fields(auto& m, auto visit) {
    visit("qkv", m.qkv);
    visit("out", m.out);
    visit("up", m.up);
    visit("down", m.down);
    visit("norm1", m.norm1);
    visit("norm2", m.norm2);
    visit("x", m.x);
  }
  sg::Tensors step() const {
    const sg::Tensor parts = sg::permute(sg::reshape(qkv(norm1(x)), {batch, places, 3, heads, width / heads}), {2, 0, 3, 1, 4});
    const sg::Tensor q = sg::select(parts, 0, 0), k = sg::select(parts, 0, 1), v = sg::select(parts, 0, 2);
    const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
    const sg::Tensor weights = sg::softmax(sg::matmul(q * scale, sg::transpose(k)) + mask);
    const sg::Tensor mixed = sg::reshape(sg::transpose(sg::matmul(weights, v), 1, 2), {batch, places, width});
    const sg::Tensor h = x + out(mixed);
    const sg::Tensor y = h + down(gelu_by_tanh(up(norm2(h))));
    return sg::grad(sg::mean(sg::square(y)), sg::nn::parameters(*this));
  }
};

void attention(const Options& o) {
  const std::string name = "attention_block_step";
  const Attention block;
  time_case(
      o, name + "_eager", [&] { block.step(); }, "eager, forward and backward with respect to parameters and x");
  auto step = sg::compile([&] { return block.step(); });
  time_case(
      o, name, [&] { step(); }, "compiled, the same");
}

}  // namespace

void block_cases(const Options& options) {
  conv_unet(options);
  attention(options);
}

}  // namespace bench
