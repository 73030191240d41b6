// Derivatives of derivatives.
#include "benchmarks/cases/network.h"

namespace sg = scoregrad;

namespace bench {
namespace {

double product(int64_t a, int64_t b) { return static_cast<double>(a) * static_cast<double>(b); }

// The implicit loss with the exact trace of ds/dx, and its gradient in the weights. given: weight and bias of each layer, x.
Problem trace(const std::vector<int64_t>& widths, int64_t batch) {
  const sg::nn::MLP net(widths, sg::nn::silu, sg::Key(0));
  const sg::Tensors parameters = sg::nn::parameters(net);
  const sg::Tensor x = sg::normal({batch, widths.front()}, sg::Key(1));
  Problem p{.given = parameters, .state = {}};
  p.given.push_back(x);
  p.step = [=](const sg::Tensors&) {
    const auto s = sg::divergence([&](const sg::Tensor& y) { return net(y); }, x, {.create_graph = true});
    const sg::Tensor loss = sg::mean(s.divergence + 0.5 * sg::sum(sg::square(s.value), {1}));
    return sg::grad(loss, parameters, {.allow_unused = true});
  };
  return p;
}

Case trace_case(const std::string& name, const std::vector<int64_t>& widths, const std::string& notes) {
  return {.name = name,
          .notes = notes,
          .unit = "rows",
          .size = 128,
          .make = [=](int64_t n) { return trace(widths, n); },
          .work =
              [=](int64_t n) {
                // The closed form of two hidden layers, f'(z2)' [W2 o (W1 W3)'] f'(z1), and two products for the gradient of each.
                const double rows = static_cast<double>(n), inner = product(widths[1], widths[2]);
                return Work{.flops = 6 * (rows * (weights(widths) + inner) + inner * static_cast<double>(widths[0])),
                            .functions = rows * hidden(widths)};
              }};
}

// Hessian-vector product of the small denoising loss, forward over reverse. given: weight and bias of each layer, a direction for each of
// them, x, log_sigma, eps.
Problem hessian_product(int64_t batch) {
  const sg::nn::MLP net({3, 128, 128, 2}, sg::nn::silu, sg::Key(0));
  const sg::Tensors parameters = sg::nn::parameters(net), data = draw_toy(toy_centres(), batch, sg::Key(3));
  sg::Tensors v;
  for (size_t i = 0; i < parameters.size(); ++i) v.push_back(sg::normal(parameters[i].shape(), sg::Key(2).fold(i)));
  Problem p;
  for (const sg::Tensors& part : {parameters, v, data}) p.given.insert(p.given.end(), part.begin(), part.end());
  p.step = [=](const sg::Tensors&) {
    sg::Tensors h;
    for (const sg::Tensor& g : sg::grad(dsm_loss(net, data), parameters, {.create_graph = true}))
      h.push_back(sg::pushforward(g, parameters, v));
    return h;
  };
  return p;
}

}  // namespace

std::vector<Case> derivative_cases() {
  return {
      trace_case("jacobian_trace_2d", {2, 128, 128, 2}, "implicit loss with the exact trace, gradient in the weights; 2-128-128-2"),
      trace_case("jacobian_trace_64d", {64, 256, 256, 64}, "implicit loss with the exact trace, gradient in the weights; 64-256-256-64"),
      {.name = "hvp",
       .notes = "Hessian-vector product of the small denoising loss",
       .unit = "rows",
       .size = 128,
       .make = hessian_product,
       .work = [](int64_t n) {
         // A layer's value, its input's cotangent and their tangents (6 products), the tangent of its weights' gradient (2); the
         // first layer's input has neither tangent nor cotangent (3).
         const double rows = static_cast<double>(n);
         return Work{.flops = 2 * rows * (3 * (3 * 128) + 8 * (128 * 128 + 128 * 2)), .functions = rows * 256};
       }}};
}

}  // namespace bench
