// One step of denoising score matching on eight clusters in the plane, with SiLU and Adam: the case in which everything meets.
#include "benchmarks/cases/training.h"

#include "benchmarks/cases/network.h"

namespace sg = scoregrad;

namespace bench {

sg::Tensors adam_state(const sg::nn::Adam& adam) {
  sg::Tensors state = adam.parameters();
  sg::nn::each_tensor(adam, [&](const std::string& name, const sg::Tensor& t) {
    if (name.starts_with("first") || name.starts_with("roots")) state.push_back(t);
  });
  return state;
}

namespace {

// given: weight and bias of each layer, the centres.
Problem training(const std::vector<int64_t>& widths, int64_t batch) {
  const sg::nn::MLP net(widths, sg::nn::silu, sg::Key(0).fold("net"));
  auto adam = std::make_shared<sg::nn::Adam>(sg::nn::parameters(net));
  const sg::Tensor centres = toy_centres();
  Problem p{.given = adam->parameters(), .state = adam_state(*adam)};
  p.given.push_back(centres);
  p.draw = [=](const sg::Key& key) { return draw_toy(centres, batch, key); };
  p.step = [=](const sg::Tensors& drawn) {
    const sg::Tensor loss = dsm_loss(net, drawn);
    adam->step(sg::grad(loss, adam->parameters()));
    return sg::Tensors{loss.detach()};
  };
  return p;
}

Case training_case(const std::string& name, const std::vector<int64_t>& widths, double batch, const std::string& notes) {
  return {.name = name,
          .notes = notes,
          .unit = "rows",
          .size = batch,
          .make = [=](int64_t n) { return training(widths, n); },
          .work =
              [=](int64_t n) {
                // Forward, the weights' gradients, and the inputs' but for the first layer's; Adam reads and writes three numbers a weight.
                const double rows = static_cast<double>(n), first = static_cast<double>(widths[0] * widths[1]);
                return Work{.flops = 2 * rows * (3 * weights(widths) - first),
                            .bytes = uncached(24 * weights(widths)),
                            .functions = rows * (hidden(widths) + 1),
                            .normals = 4 * rows};
              },
          .trains = true};
}

}  // namespace

std::vector<Case> training_cases() {
  return {training_case("mlp_dsm_step_small", {3, 128, 128, 2}, 128, "3-128-128-2, SiLU, Adam"),
          training_case("mlp_dsm_step_large", {3, 1024, 1024, 1024, 1024, 2}, 1024, "four hidden layers of 1024, SiLU, Adam")};
}

}  // namespace bench
