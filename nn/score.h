// Networks for scores s(x, sigma, c) of noised data x_t = alpha x + sigma eps. All are called as net(x, sigma) or net(x, sigma, c) with
// sigma 0-d or one a row, as samplers call them; nn/conv_score.h is the one for images.
#pragma once
#include <functional>

#include "nn/conditioning.h"
#include "nn/embedding.h"
#include "nn/fits.h"
#include "nn/mlp.h"
#include "nn/parametrisation.h"

namespace scoregrad::nn {

struct NoisyMLPOptions {
  int64_t inputs = 1, outputs = 0;  ///< d and the width of the result; 0: d
  int64_t condition = 0;            ///< m, the width of c; 0: none
  std::vector<int64_t> hidden = {64, 64};
  int64_t features = 16;  ///< Fourier features of the noise; 0: the network does not see it
  bool film = false;      ///< noise and c modulate the hidden layers; else they stand beside x in the input
  Activation activation = silu;
  bool norm = false, residual = false;  ///< as MLPOptions says
};

/// An MLP of x, of Fourier features of `noise`, a number that grows with the noise such as log sigma / 4, and of c.
/// x [b, .., d], noise [b, ..] or 0-d, c [b, .., m] or [m], each with all leading axes of x or the first of them -> [b, .., outputs]
struct NoisyMLP {
  FourierFeatures features;  ///< of frequencies N(0, 1); none: the noise is not seen
  MLP mlp;
  bool film = false;

  NoisyMLP() = default;
  NoisyMLP(const NoisyMLPOptions& how, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, const Tensor& noise, const Tensor& c = {}, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) {
    visit("features", m.features);
    visit("mlp", m.mlp);
  }
};

/// s = score_from(predicts, net(x, log(sigma / alpha) / 4, c)): the network says what is easiest to learn, callers see a score.
/// x [.., d], sigma and alpha [..] or 0-d -> [.., d]
struct ScoreMLP {
  NoisyMLP net;
  Predicts predicts = Predicts::score;

  ScoreMLP() = default;
  ScoreMLP(const NoisyMLPOptions& how, Predicts predicts_, const Key& key, Options options = {}, Where at = Where::here());

  Tensor operator()(const Tensor& x, const Tensor& sigma, const Tensor& c = {}, Where at = Where::here()) const;
  Tensor operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, const Tensor& alpha, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("net", m.net); }
};

/// s = -dE/dx with E = net(x, log sigma / 4, c) / sigma, one output: a field that is conservative by construction, with a density up to a
/// constant. Computing s takes a sweep, and training through it another: activations must be smooth (no relu). The last layer has no bias.
/// Records for itself where the caller does not.   x [.., d], sigma [..] or 0-d -> [.., d]
struct EnergyMLP {
  NoisyMLP net;

  EnergyMLP() = default;
  /// how.outputs is ignored.
  EnergyMLP(const NoisyMLPOptions& how, const Key& key, Options options = {}, Where at = Where::here());

  /// E, so that the density is e^-E / Z.   -> [..]
  Tensor energy(const Tensor& x, const Tensor& sigma, const Tensor& c = {}, Where at = Where::here()) const;
  Tensor operator()(const Tensor& x, const Tensor& sigma, const Tensor& c = {}, Where at = Where::here()) const;
  static void fields(auto& m, auto visit) { visit("net", m.net); }
};

/// -d sum E(x)/dx, itself differentiable: in x, in what E is made of, and where x was computed.   x [.., d] -> [.., d]
Tensor minus_gradient(const std::function<Tensor(const Tensor& x)>& energy, const Tensor& x, Where at = Where::here());

/// Noise levels as a column against x: axes of extent one appended.   level [b, ..] or 0-d, x [b, .., d]
Tensor level_beside(const Tensor& level, const Tensor& x, Where at = Where::here());

/// A network F(x, noise, c) scaled so that inputs, outputs and targets have variance one at every noise level, for data of standard
/// deviation `data`:  D = c_skip x + c_out F(c_in x, log sigma / 4, c),  s = (D - x) / sigma^2,  c_skip = data^2 / (sigma^2 + data^2),
/// c_out = sigma data / sqrt(sigma^2 + data^2),  c_in = 1 / sqrt(sigma^2 + data^2).   (Karras et al. 2022, table 1)
template <Module Net>
struct Preconditioned {
  Net net;
  double data = 0.5;

  /// The data's mean given x, D.   x [b, .., d], sigma [b, ..] or 0-d -> like x
  Tensor denoised(const Tensor& x, const Tensor& sigma, const Tensor& c = {}, Where at = Where::here()) const {
    return denoised(x, sigma, Context{.condition = c}, at);
  }
  Tensor denoised(const Tensor& x, const Tensor& sigma, const Context& context, Where at = Where::here()) const {
    const CallerScope scope(at);
    const auto [s, total] = scales(x, sigma, at);
    return x * (data * data / total) + s * data * rsqrt(total) * raw(x, sigma, total, context, at);
  }
  /// s, without the cancellation of D - x:  data F / (sigma sqrt(sigma^2 + data^2)) - x / (sigma^2 + data^2).
  Tensor operator()(const Tensor& x, const Tensor& sigma, const Tensor& c = {}, Where at = Where::here()) const {
    return (*this)(x, sigma, Context{.condition = c}, at);
  }
  Tensor operator()(const Tensor& x, const Tensor& sigma, const Context& context, Where at = Where::here()) const {
    const CallerScope scope(at);
    const auto [s, total] = scales(x, sigma, at);
    return data * rsqrt(total) / s * raw(x, sigma, total, context, at) - x / total;
  }
  static void fields(auto& m, auto visit) { visit("net", m.net); }

 private:
  // sigma against x, and sigma^2 + data^2.
  std::pair<Tensor, Tensor> scales(const Tensor& x, const Tensor& sigma, Where at) const {
    if (!(data > 0)) throw Error(at, "Preconditioned: the data's deviation " + std::to_string(data) + " is not positive");
    check_levels("Preconditioned", sigma, at);
    const Tensor s = level_beside(sigma, x, at);
    return {s, square(s) + data * data};
  }
  Tensor raw(const Tensor& x, const Tensor& sigma, const Tensor& total, const Context& context, Where at) const {
    const Tensor scaled = x * rsqrt(total), noise = log(sigma) * 0.25;
    if constexpr (requires { net(scaled, noise, context); }) {
      return net(scaled, noise, context);
    } else {
      if (context.dropout) throw Error(at, "Preconditioned: the network takes no key for dropout");
      return net(scaled, noise, context.condition);
    }
  }
};

}  // namespace scoregrad::nn
