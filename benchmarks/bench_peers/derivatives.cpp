#include "benchmarks/bench_peers/derivatives.h"

#include "benchmarks/bench_peers/network.h"

namespace sg = scoregrad;

namespace bench {
namespace {

void both(const Options& o, const std::string& name, const std::function<sg::Tensors()>& f) {
  time_case(
      o, name + "_eager", [&] { f(); }, "eager");
  auto step = sg::compile(f);
  time_case(
      o, name, [&] { step(); }, "compiled");
}

void trace_case(const Options& o, const std::string& name, const std::vector<int64_t>& widths) {
  const sg::nn::MLP net(widths, sg::nn::silu, sg::Key(0));
  const sg::Tensors parameters = sg::nn::parameters(net);
  const sg::Tensor x = sg::normal({128, widths.front()}, sg::Key(1));
  both(o, name, [&] {
    const auto s = sg::divergence([&](const sg::Tensor& y) { return net(y); }, x, true);
    const sg::Tensor loss = sg::mean(s.divergence + 0.5 * sg::sum(sg::square(s.value), {1}));
    return sg::grad(loss, parameters, {.allow_unused = true});
  });
}

void hvp_case(const Options& o) {
  const sg::nn::MLP net({3, 128, 128, 2}, sg::nn::silu, sg::Key(0));
  const sg::Tensors parameters = sg::nn::parameters(net);
  sg::Tensors v;
  for (size_t i = 0; i < parameters.size(); ++i) v.push_back(sg::normal(parameters[i].shape(), sg::Key(2).fold(i)));
  const Toy data = draw_toy(toy_centres(), 128, sg::Key(3));
  both(o, "hvp", [&] {
    const sg::Tensors g = sg::grad(dsm_loss(net, data), parameters, {.create_graph = true});
    sg::Tensors h;
    for (const sg::Tensor& one : g) h.push_back(sg::pushforward(one, parameters, v));
    return h;
  });
}

}  // namespace

void derivative_cases(const Options& o) {
  trace_case(o, "jacobian_trace_2d", {2, 128, 128, 2});
  trace_case(o, "jacobian_trace_64d", {64, 256, 256, 64});
  hvp_case(o);
}

}  // namespace bench
