// A training step of a small convolutional network, and a transformer block forward and backward.
#include <cmath>
#include <numbers>

#include "benchmarks/cases/network.h"
#include "benchmarks/cases/training.h"

namespace sg = scoregrad;
using sg::nn::Conv2d;
using sg::nn::GroupNorm;
using sg::nn::Linear;

namespace bench {
namespace {

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

// 28 x 28 images, one level down and up.
constexpr int64_t block_widths[5][3] = {{1, 32, 1}, {32, 64, 2}, {64, 128, 1}, {128, 64, 1}, {96, 32, 1}};  // in, out, stride
constexpr double block_pixels[5] = {784, 196, 196, 196, 784};                                               // of the results

struct UNet {
  Linear time;
  std::vector<Block> blocks;
  Conv2d out;

  explicit UNet(const sg::Key& key) : time(1, 64, key.fold("time")), out(32, 1, 3, {.padding = 1}, key.fold("out")) {
    for (const auto& w : block_widths) blocks.emplace_back(w[0], w[1], w[2], key.fold(w[0]));
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

// given: the parameters, which are weight and bias of the time layer; of each block's convolution, norm and time layer; of the last
// convolution; then the images.
Problem image_training(int64_t batch) {
  const UNet net(sg::Key(0).fold("net"));
  auto adam = std::make_shared<sg::nn::Adam>(sg::nn::parameters(net));
  const sg::Tensor x = sg::uniform({batch, 1, 28, 28}, sg::Key(0).fold("x"));
  Problem p{.given = adam->parameters(), .state = adam_state(*adam)};
  p.given.push_back(x);
  p.draw = [=](const sg::Key& key) {
    return sg::Tensors{draw_log_sigma(batch, key.fold("sigma")), sg::normal({batch, 1, 28, 28}, key.fold("eps"))};
  };
  p.step = [=](const sg::Tensors& drawn) {
    const sg::Tensor &level = drawn[0], &eps = drawn[1];
    const sg::Tensor o = net(x + over_pixels(sg::exp(level)) * eps, level * 0.25);
    const sg::Tensor loss = sg::mean(sg::square(o + eps));
    adam->step(sg::grad(loss, adam->parameters()));
    return sg::Tensors{loss.detach()};
  };
  return p;
}

Work image_work(int64_t batch) {
  double products = 0, units = 0;
  for (int i = 0; i < 5; ++i) {
    const double in = static_cast<double>(block_widths[i][0]), out = static_cast<double>(block_widths[i][1]);
    products += (i == 0 ? 2 : 3) * 9 * in * out * block_pixels[i];  // the gradient of the images is not asked for
    units += out * block_pixels[i];
  }
  products += 3 * 9 * 32 * 784;
  const double images = static_cast<double>(batch);
  return {.flops = 2 * images * products, .functions = images * units, .normals = 784 * images};
}

constexpr int64_t places = 49, width = 128, heads = 4;

// The form of PyTorch's gelu(x, "tanh").
sg::Tensor gelu_by_tanh(const sg::Tensor& x) {
  return 0.5 * x * (1 + sg::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * (x * x * x))));
}

struct Attention {
  const sg::Key key{0};
  Linear qkv{width, 3 * width, key.fold("qkv")}, out{width, width, key.fold("out")};
  Linear up{width, 4 * width, key.fold("up")}, down{4 * width, width, key.fold("down")};
  sg::nn::LayerNorm norm1{width}, norm2{width};
  sg::Tensor x, mask = sg::triu(sg::full({places, places}, -1e9), 1);

  explicit Attention(int64_t batch) : x(sg::normal({batch, places, width}, key.fold("x")).requires_grad()) {}
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
    const int64_t batch = x.extent(0);
    const sg::Tensor parts = sg::permute(sg::reshape(qkv(norm1(x)), {batch, places, 3, heads, width / heads}), {2, 0, 3, 1, 4});
    const sg::Tensor q = sg::select(parts, 0, 0), k = sg::select(parts, 0, 1), v = sg::select(parts, 0, 2);
    const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
    const sg::Tensor attention = sg::softmax(sg::matmul(q * scale, sg::transpose(k)) + mask);
    const sg::Tensor mixed = sg::reshape(sg::transpose(sg::matmul(attention, v), 1, 2), {batch, places, width});
    const sg::Tensor h = x + out(mixed);
    const sg::Tensor y = h + down(gelu_by_tanh(up(norm2(h))));
    return sg::grad(sg::mean(sg::square(y)), sg::nn::parameters(*this));
  }
};

// given: weight and bias of qkv, out, up, down and of the two norms; x.
Problem attention(int64_t batch) {
  const Attention block(batch);
  return {.given = sg::nn::parameters(block), .state = {}, .step = [=](const sg::Tensors&) { return block.step(); }};
}

Work attention_work(int64_t batch) {
  const double rows = static_cast<double>(batch * places), w = width;
  const double scores = static_cast<double>(batch * places * places);
  return {.flops = 3 * 2 * (rows * w * w * (3 + 1 + 4 + 4) + 2 * scores * w), .functions = rows * 4 * w + heads * scores};
}

}  // namespace

std::vector<Case> block_cases() {
  return {{.name = "conv_unet_step",
           .notes = "28 x 28 images, 32 to 128 channels, one level, group norm, Adam",
           .unit = "images",
           .size = 64,
           .make = image_training,
           .work = image_work,
           .trains = true},
          {.name = "attention_block_step",
           .notes = "49 places of width 128, 4 heads, causal; gradient in parameters and x",
           .unit = "sequences",
           .size = 64,
           .make = attention,
           .work = attention_work}};
}

}  // namespace bench
