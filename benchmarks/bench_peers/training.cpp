#include "benchmarks/bench_peers/training.h"

#include <scoregrad.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>

namespace sg = scoregrad;

namespace bench {
namespace {

const double log_min = std::log(0.01), log_max = std::log(5.0);

struct Data {
  sg::Tensor x, log_sigma, eps;
};

// A network, its optimiser and a key that lives in a tensor, so that each step draws new data whether it is eager or replayed.
struct Training {
  sg::nn::MLP net;
  sg::nn::Adam adam;
  sg::Tensor centres, key;
  int64_t batch;

  Training(const std::vector<int64_t>& widths, int64_t batch_)
      : net(widths, sg::nn::silu, sg::Key(0).fold("net")),
        adam(sg::nn::parameters(net)),
        key(sg::Key(0).fold("data").tensor()),
        batch(batch_) {
    const sg::Tensor angle = sg::arange(0, 8, 1) * (2 * std::numbers::pi / 8);
    centres = sg::stack({2 * sg::cos(angle), 2 * sg::sin(angle)}, 1);
  }
  Data draw() const {
    const sg::Key k(key);
    const sg::Tensor which = sg::integers(0, 8, {batch}, k.fold("centre"));
    return {sg::index_select(centres, 0, which) + 0.1 * sg::normal({batch, 2}, k.fold("x")),
            sg::uniform({batch, 1}, k.fold("sigma")) * (log_max - log_min) + log_min, sg::normal({batch, 2}, k.fold("eps"))};
  }
  sg::Tensor loss(const Data& d) const {
    const sg::Tensor xt = d.x + sg::exp(d.log_sigma) * d.eps;
    const sg::Tensor o = net(sg::concat({xt, d.log_sigma * 0.25}, 1));
    return sg::mean(sg::sum(sg::square(o + d.eps), {1}));
  }
  sg::Tensor step() {
    const sg::Tensor l = loss(draw());
    adam.step(sg::grad(l, adam.parameters()));
    sg::copy_(key, sg::Key(key).fold("next").tensor());
    return l.detach();
  }
};

void check(double loss) {
  if (loss > 0 && loss < 10) return;
  std::fprintf(stderr, "the loss left its range: %g\n", loss);
  std::exit(1);
}

void dsm_case(const Options& o, const std::string& name, const std::vector<int64_t>& widths, int64_t batch) {
  Training eager(widths, batch), replayed(widths, batch);
  time_case(
      o, name + "_eager", [&] { check(eager.step().item()); }, "eager");
  auto step = sg::compile([&] { return replayed.step(); });
  time_case(
      o, name, [&] { check(step().item()); }, "compiled");
}

}  // namespace

void training_cases(const Options& o) {
  dsm_case(o, "mlp_dsm_step_small", {3, 128, 128, 2}, 128);
  dsm_case(o, "mlp_dsm_step_large", {3, 1024, 1024, 1024, 1024, 2}, 1024);
}

}  // namespace bench
