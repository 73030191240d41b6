// Work on many particles.
#include <cmath>

#include "benchmarks/cases/network.h"

namespace sg = scoregrad;

namespace bench {
namespace {

constexpr double step_size = 1e-3;

// x <- x + h/2 score(x) + sqrt(h) z, in place: the particles are the state. given: what the score is made of, then x.
Problem langevin(int64_t particles, sg::Tensors given, const std::function<sg::Tensor(const sg::Tensor&)>& score) {
  const sg::Tensor x = sg::normal({particles, 2}, sg::Key(1));
  given.push_back(x);
  return {.given = std::move(given),
          .state = {x},
          .draw =
              [=](const sg::Key& key) {
                return sg::Tensors{sg::normal({particles, 2}, key)};
              },
          .step =
              [=](const sg::Tensors& drawn) {
                sg::copy_(x, x + (0.5 * step_size) * score(x) + std::sqrt(step_size) * drawn[0]);
                return sg::Tensors{};
              }};
}

// given: weight and bias of each layer, the noise level as the network sees it, x.
Problem langevin_by_network(int64_t particles) {
  const sg::nn::MLP net({3, 128, 128, 2}, sg::nn::silu, sg::Key(0));
  const sg::Tensor level = sg::full({particles, 1}, std::log(0.1) * 0.25);
  sg::Tensors given = sg::nn::parameters(net);
  given.push_back(level);
  return langevin(particles, given, [=](const sg::Tensor& x) { return net(sg::concat({x, level}, 1)) / 0.1; });
}

// Five Gaussians of variance 1/4 and equal weight. given: their means, x.
Problem langevin_by_mixture(int64_t particles) {
  const sg::Tensor mu = sg::normal({5, 2}, sg::Key(3)) * 2;
  return langevin(particles, {mu}, [=](const sg::Tensor& x) {
    const sg::Tensor d = mu - sg::unsqueeze(x, 1);
    const sg::Tensor w = sg::softmax(std::log(0.2) - 2.0 * sg::sum(sg::square(d), {2}), 1);
    return sg::sum(sg::unsqueeze(w * 4.0, 2) * d, {1});
  });
}

sg::nn::MLP frozen(const std::vector<int64_t>& widths, uint64_t seed) {
  sg::nn::MLP m(widths, sg::nn::silu, sg::Key(seed));
  for (sg::nn::Linear& l : m.layers) l.weight = l.weight.detach(), l.bias = l.bias.detach();
  return m;
}

// x = mu(c) + L(c) z with L lower triangular, its diagonal the exponential of two outputs. given: weight and bias of each layer of mu, of
// L and of the score network, c.
Problem pathwise(int64_t n) {
  const sg::nn::MLP mean = frozen({8, 64, 2}, 1), factor = frozen({8, 64, 3}, 2), net = frozen({3, 128, 128, 2}, 3);
  const sg::Tensor c = sg::normal({1, 8}, sg::Key(4)).requires_grad();
  Problem p;
  for (const sg::nn::MLP* m : {&mean, &factor, &net})
    for (const sg::nn::Linear& l : m->layers) p.given.insert(p.given.end(), {l.weight, l.bias});
  p.given.push_back(c);
  p.draw = [=](const sg::Key& key) {
    return sg::Tensors{sg::normal({n, 2}, key.fold("z")), draw_log_sigma(n, key.fold("sigma")), sg::normal({n, 2}, key.fold("eps"))};
  };
  p.step = [=](const sg::Tensors& drawn) {
    const sg::Tensor l = sg::select(factor(c), 0, 0), zero = sg::zeros({1}), diagonal = sg::exp(l);
    const sg::Tensor lower = sg::stack({sg::concat({sg::slice_axis(diagonal, 0, 0, 1), zero}, 0),
                                        sg::concat({sg::slice_axis(l, 0, 1, 2), sg::slice_axis(diagonal, 0, 2, 3)}, 0)},
                                       0);
    const sg::Tensor x = mean(c) + sg::matmul(drawn[0], sg::transpose(lower));
    return sg::Tensors{sg::grad(dsm_loss(net, {x, drawn[1], drawn[2]}), c)};
  };
  return p;
}

}  // namespace

std::vector<Case> particle_cases() {
  const double network = weights({3, 128, 128, 2});
  return {{.name = "langevin_mlp",
           .notes = "1000 steps with the score of a network 3-128-128-2, from 20 of them",
           .unit = "particles",
           .size = 4096,
           .make = langevin_by_network,
           .work =
               [=](int64_t n) {
                 const double moves = 1000 * static_cast<double>(n);
                 return Work{.flops = 2 * moves * network, .functions = 256 * moves, .normals = 2 * moves};
               },
           .steps = 1000,
           .measured = 20,
           .plain = true},
          {.name = "langevin_gmm",
           .notes = "1000 steps with the score of a mixture of five Gaussians, from 20 of them",
           .unit = "particles",
           .size = 4096,
           .make = langevin_by_mixture,
           .work =
               [](int64_t n) {
                 const double moves = 1000 * static_cast<double>(n);
                 return Work{.functions = 5 * moves, .normals = 2 * moves};
               },
           .steps = 1000,
           .measured = 20,
           .plain = true},
          {.name = "pathwise_c_grad",
           .notes = "gradient in c [8] of Monte-Carlo DSM, x = mu(c) + L(c) z",
           .unit = "samples",
           .size = 65536,
           .make = pathwise,
           .work = [=](int64_t n) {
             // The score network forward, and back to its input.
             const double samples = static_cast<double>(n);
             return Work{.flops = 4 * samples * network, .functions = 257 * samples, .normals = 4 * samples};
           }}};
}

}  // namespace bench
