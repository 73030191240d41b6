#include "benchmarks/bench_peers/particles.h"

#include <cmath>

#include "benchmarks/bench_peers/network.h"

namespace sg = scoregrad;

namespace bench {
namespace {

constexpr int64_t particles = 4096;
constexpr double step_size = 1e-3;

// One step, in place: the particles and the key are the state.
void langevin_case(const Options& o, const std::string& name, const std::function<sg::Tensor(const sg::Tensor&)>& score) {
  const sg::NoGrad plain;
  const auto run = [&](const std::string& title, bool compiled) {
    const sg::Tensor x = sg::normal({particles, 2}, sg::Key(1)), key = sg::Key(2).tensor();
    auto step = sg::compile(
        [&] {
          const sg::Tensor z = sg::normal({particles, 2}, sg::Key(key));
          sg::copy_(x, x + (0.5 * step_size) * score(x) + std::sqrt(step_size) * z);
          sg::copy_(key, sg::Key(key).fold("next").tensor());
        },
        {.enabled = compiled});
    time_case(
        o, title,
        [&] {
          for (int i = 0; i < 100; ++i) step();
        },
        std::string(compiled ? "compiled" : "eager") + ", 100 of the 1000 steps");
  };
  run(name + "_eager", false);
  run(name, true);
}

void langevin_cases(const Options& o) {
  const sg::nn::MLP net({3, 128, 128, 2}, sg::nn::silu, sg::Key(0));
  const sg::Tensor level = sg::full({particles, 1}, std::log(0.1) * 0.25);
  langevin_case(o, "langevin_mlp", [&](const sg::Tensor& x) { return net(sg::concat({x, level}, 1)) / 0.1; });
  const sg::Tensor mu = sg::normal({5, 2}, sg::Key(3)) * 2;
  langevin_case(o, "langevin_gmm", [&](const sg::Tensor& x) {
    const sg::Tensor d = mu - sg::unsqueeze(x, 1);
    const sg::Tensor w = sg::softmax(std::log(0.2) - 2.0 * sg::sum(sg::square(d), {2}), 1);
    return sg::sum(sg::unsqueeze(w * 4.0, 2) * d, {1});
  });
}

void pathwise_case(const Options& o) {
  constexpr int64_t n = 65536;
  const auto frozen = [](const std::vector<int64_t>& widths, uint64_t seed) {
    sg::nn::MLP m(widths, sg::nn::silu, sg::Key(seed));
    for (sg::nn::Linear& l : m.layers) l.weight = l.weight.detach(), l.bias = l.bias.detach();
    return m;
  };
  const sg::nn::MLP mean = frozen({8, 64, 2}, 1), factor = frozen({8, 64, 3}, 2), net = frozen({3, 128, 128, 2}, 3);
  const sg::Tensor c = sg::normal({1, 8}, sg::Key(4)).requires_grad();
  const auto run = [&](const std::string& title, bool compiled) {
    const sg::Tensor key = sg::Key(5).tensor();
    auto step = sg::compile(
        [&] {
          const sg::Key k(key);
          const sg::Tensor z = sg::normal({n, 2}, k.fold("z"));
          const sg::Tensor l = sg::select(factor(c), 0, 0), zero = sg::zeros({1});
          const sg::Tensor diagonal = sg::exp(l);
          const sg::Tensor lower = sg::stack({sg::concat({sg::narrow(diagonal, 0, 0, 1), zero}, 0),
                                              sg::concat({sg::narrow(l, 0, 1, 2), sg::narrow(diagonal, 0, 2, 3)}, 0)},
                                             0);
          const sg::Tensor x = mean(c) + sg::matmul(z, sg::transpose(lower));
          const sg::Tensor g = sg::grad(dsm_loss(net, {x, draw_log_sigma(n, k.fold("sigma")), sg::normal({n, 2}, k.fold("eps"))}), c);
          sg::copy_(key, k.fold("next").tensor());
          return g;
        },
        {.enabled = compiled});
    time_case(
        o, title, [&] { step(); }, compiled ? "compiled" : "eager");
  };
  run("pathwise_c_grad_eager", false);
  run("pathwise_c_grad", true);
}

}  // namespace

void particle_cases(const Options& o) {
  langevin_cases(o);
  pathwise_case(o);
}

}  // namespace bench
