#include "nn/score.h"

#include <fmt/format.h>

#include "autograd/graph/gradient.h"
#include "autograd/tensor/misfit.h"
#include "nn/fits.h"

namespace scoregrad::nn {
namespace {

// `extra` [.., m] with the leading axes of x, the first of them, or none.
Tensor beside(const char* what, const Tensor& extra, const Tensor& x, Where at) {
  Shape s = x.shape();
  s[s.rank - 1] = extra.extent(-1);
  if (extra.shape() == s) return extra;
  if (extra.rank() > s.rank)
    throw misfit(at, "NoisyMLP", what, with_letter(x.shape(), s.rank - 1, "m"), extra, "leading axes may be left out");
  Tensor aligned = extra;
  while (aligned.rank() > 1 && aligned.rank() < s.rank) aligned = unsqueeze(aligned, -2);
  return broadcast_to(aligned, s);
}

}  // namespace

Tensor level_beside(const Tensor& level, const Tensor& x, Where at) {
  if (level.rank() >= x.rank())
    throw misfit(at, "noise levels", "", fmt::format("[{}] or one number", x.rank() > 0 ? std::to_string(x.extent(0)) : ""), level);
  check_beside("noise levels", "", level, level.rank(), x, at);
  if (level.rank() == 0) return level;
  Shape s = level.shape();
  while (s.rank < x.rank()) s.push_back(1);
  return reshape(level, s);
}

NoisyMLP::NoisyMLP(const NoisyMLPOptions& how, const Key& key, Options options, Where at) : film(how.film) {
  if (how.inputs < 1 || how.outputs < 0 || how.condition < 0 || how.features < 0)
    throw Error(at, fmt::format("NoisyMLP: {} inputs, {} outputs, a condition of width {} and {} features", how.inputs, how.outputs,
                                how.condition, how.features));
  if (how.features > 0) features = FourierFeatures(1, how.features, 1, key.fold("features"), options, at);
  const int64_t extra = how.features + how.condition;
  std::vector<int64_t> widths{how.inputs + (film ? 0 : extra)};
  widths.insert(widths.end(), how.hidden.begin(), how.hidden.end());
  widths.push_back(how.outputs == 0 ? how.inputs : how.outputs);
  const MLPOptions inner{.activation = how.activation, .norm = how.norm, .residual = how.residual, .condition = film ? extra : 0};
  mlp = MLP(widths, inner, key.fold("mlp"), options, at);
}

Tensor NoisyMLP::operator()(const Tensor& x, const Tensor& noise, const Tensor& c, Where at) const {
  const CallerScope scope(at);
  Tensors extra;
  if (features.frequencies.defined()) {
    const Tensor each = noise.rank() == 0 ? unsqueeze(noise, -1) : level_beside(noise, x, at);  // [.., 1]
    extra.push_back(beside("features of the noise", features(each, at), x, at));
  }
  if (c.defined()) extra.push_back(beside("a condition", c, x, at));
  if (film) return mlp(x, {.condition = extra.empty() ? Tensor() : concat(extra, -1, at)}, at);
  extra.insert(extra.begin(), x);
  return mlp(concat(extra, -1, at), at);
}

ScoreMLP::ScoreMLP(const NoisyMLPOptions& how, Predicts predicts_, const Key& key, Options options, Where at)
    : net(how, key, options, at), predicts(predicts_) {}

Tensor ScoreMLP::operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, Where at) const {
  const CallerScope scope(at);
  check_levels("ScoreMLP", sigma, at);
  return score_from(predicts, net(x, log(sigma) * 0.25, c, at), x, 1, level_beside(sigma, x, at), at);
}

Tensor ScoreMLP::operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, const Tensor& alpha, Where at) const {
  const CallerScope scope(at);
  check_levels("ScoreMLP", sigma, at);
  check_levels("ScoreMLP (alpha)", alpha, at);
  return score_from(predicts, net(x, log(sigma / alpha) * 0.25, c, at), x, level_beside(alpha, x, at), level_beside(sigma, x, at), at);
}

EnergyMLP::EnergyMLP(const NoisyMLPOptions& how, const Key& key, Options options, Where at) {
  NoisyMLPOptions one = how;
  one.outputs = 1;
  net = NoisyMLP(one, key, options, at);
  net.mlp.layers.back().bias = {};  // E counts up to a constant; a parameter that s cannot depend on has no gradient
}

Tensor EnergyMLP::energy(const Tensor& x, const Tensor& sigma, const Tensor& c, Where at) const {
  const CallerScope scope(at);
  check_levels("EnergyMLP", sigma, at);
  const Tensor f = squeeze(net(x, log(sigma) * 0.25, c, at), {-1});
  return f / (sigma.rank() == f.rank() ? sigma : level_beside(sigma, f, at));
}

Tensor EnergyMLP::operator()(const Tensor& x, const Tensor& sigma, const Tensor& c, Where at) const {
  return minus_gradient([&](const Tensor& place) { return energy(place, sigma, c, at); }, x, at);
}

// The gradient is taken at a copy of x: what else was computed from the same x, such as a condition, is held.
Tensor minus_gradient(const std::function<Tensor(const Tensor& x)>& energy, const Tensor& x, Where at) {
  const CallerScope scope(at);
  const bool wanted = mode.recording;
  const RecordingScope on(true);
  const Tensor place = wanted && x.tracked() ? clone(x) : x.detach().requires_grad();
  const Tensor s = -grad(sum(energy(place)), place, {.create_graph = wanted}, at);
  return wanted ? s : s.detach();
}

}  // namespace scoregrad::nn
