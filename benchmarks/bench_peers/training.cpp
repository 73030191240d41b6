#include "benchmarks/bench_peers/training.h"

#include "benchmarks/bench_peers/network.h"

namespace sg = scoregrad;

namespace bench {
namespace {

// A network, its optimiser and a key that lives in a tensor, so that each step draws new data whether it is eager or replayed.
struct Training {
  sg::nn::MLP net;
  sg::nn::Adam adam;
  sg::Tensor centres = toy_centres(), key = sg::Key(0).fold("data").tensor();
  int64_t batch;

  Training(const std::vector<int64_t>& widths, int64_t batch_)
      : net(widths, sg::nn::silu, sg::Key(0).fold("net")), adam(sg::nn::parameters(net)), batch(batch_) {}
  sg::Tensor step() {
    const sg::Tensor loss = dsm_loss(net, draw_toy(centres, batch, sg::Key(key)));
    adam.step(sg::grad(loss, adam.parameters()));
    sg::copy_(key, sg::Key(key).fold("next").tensor());
    return loss.detach();
  }
};

void dsm_case(const Options& o, const std::string& name, const std::vector<int64_t>& widths, int64_t batch) {
  Training eager(widths, batch), replayed(widths, batch);
  time_case(
      o, name + "_eager", [&] { check_range(eager.step().item(), 0, 10); }, "eager");
  auto step = sg::compile([&] { return replayed.step(); });
  time_case(
      o, name, [&] { check_range(step().item(), 0, 10); }, "compiled");
}

}  // namespace

void training_cases(const Options& o) {
  dsm_case(o, "mlp_dsm_step_small", {3, 128, 128, 2}, 128);
  dsm_case(o, "mlp_dsm_step_large", {3, 1024, 1024, 1024, 1024, 2}, 1024);
}

}  // namespace bench
