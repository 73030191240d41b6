// A convolutional network for scores of images: down through ever coarser levels and up again, with what was seen on the way down beside
// it.
#pragma once
#include "nn/attention.h"
#include "nn/embedding.h"
#include "nn/pixels.h"
#include "nn/residual.h"

namespace scoregrad::nn {

/// y = x + attention(norm(x)) among the pixels, taken row by row.   x [n, channels, h, w] -> [n, channels, h, w]
struct AttentionBlock {
  GroupNorm norm;
  MultiHeadAttention attention;

  AttentionBlock() = default;
  AttentionBlock(int64_t channels, int64_t heads, int64_t groups, const Key& key, Options options = {}, Where at = Where::here());
  AttentionBlock(GroupNorm norm_, MultiHeadAttention attention_) : norm(std::move(norm_)), attention(std::move(attention_)) {}

  Tensor operator()(const Tensor& x, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("norm", m.norm);
    visit("attention", m.attention);
  }
};

struct UNetOptions {
  int64_t channels = 1, outputs = 0;       ///< of the image and of the result; 0: the image's
  std::vector<int64_t> widths = {32, 64};  ///< channels of each level, finest first; each next one has half the height and width
  int64_t blocks = 1;                      ///< residual blocks of a level, on each way
  int64_t heads = 0;                       ///< of the attention at the coarsest level; 0: none
  int64_t embedding = 64;                  ///< width of what every block is told of noise and condition
  int64_t condition = 0;                   ///< m, the width of c; 0: none
  int64_t features = 16;                   ///< Fourier features of the noise
  int64_t groups = 8;                      ///< of the norms; divides all widths
  double dropout = 0;                      ///< rate, in every residual block
};

/// F(x, noise, c), where `noise` is a number that grows with the noise such as log sigma / 4: what Preconditioned makes a score of.
/// x [n, channels, h, w] of any extents, noise [n] or 0-d, c [n, m] or [m] -> [n, outputs, h, w]   (Ronneberger et al. 2015, Ho et al.
/// 2020)
struct UNet {
  /// What happens at one resolution.
  struct Resolution {
    std::vector<ResidualBlock> down, up;
    Conv2d shrink;  ///< to the next one, stride 2; none at the coarsest
    Conv2d grow;    ///< after doubling, to the one before; none at the finest
    static void fields(auto& m, auto visit) {
      visit("down", m.down);
      visit("up", m.up);
      visit("shrink", m.shrink);
      visit("grow", m.grow);
    }
  };
  FourierFeatures features;
  std::vector<Linear> embed;  ///< features and c -> embedding -> embedding
  Conv2d in;
  std::vector<Resolution> resolutions;
  std::vector<ResidualBlock> middle;      ///< two
  std::vector<AttentionBlock> attention;  ///< between them: one or none
  GroupNorm norm;
  Conv2d out;

  UNet() = default;
  UNet(const UNetOptions& how, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, const Tensor& noise, const Tensor& c = {}, Where at = Where::here()) const;
  Tensor operator()(const Tensor& x, const Tensor& noise, const Context& context, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("features", m.features);
    visit("embed", m.embed);
    visit("in", m.in);
    visit("resolutions", m.resolutions);
    visit("middle", m.middle);
    visit("attention", m.attention);
    visit("norm", m.norm);
    visit("out", m.out);
  }
};

}  // namespace scoregrad::nn
