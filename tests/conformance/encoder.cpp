// theorem2_encoder_empirical: a finite data set, a noisy code c = f(x_i) + tau eta and an MLP as score, decomposed by a sum over the data
// and integrals over eta and eps.
#include "distributions/encoder.h"

#include <fmt/format.h>

#include "tests/conformance/decomposed.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

// The trapezoidal rule converges exponentially; more dimensions must do with a wider step.
quadrature::Rule rule_for(int64_t dims) {
  if (dims > 4) throw Unsupported(fmt::format("an exact sum over a grid in {} dimensions", dims));
  return dims <= 2 ? quadrature::trapezoid(9, 0.1) : dims == 3 ? quadrature::trapezoid(7.8, 0.2) : quadrature::trapezoid(7, 0.25);
}

Tensor score(const nn::MLP& net, const Tensor& xt, const Tensor& c) { return net(concat({xt, c}, 1)); }

}  // namespace

void theorem2_encoder(const Field& test, Values& values) {
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number(), tau = test["tau"].number();
  const Named theta = leaves(test["net_params"]), phi = leaves(test["encoder_params"]);
  const nn::MLP net = network(test["net_params"], theta, nn::tanh), f = network(test["encoder_params"], phi, nn::tanh);
  for (const char* wanted : {"loss", "grad_theta", "grad_phi"}) test[wanted];
  const Tensor x = test["x"].tensor();
  const Tensor delta = scalar(0, test.options()).requires_grad();
  const NoisyEncoder encoder{{x, test["log_p"].tensor()}, [&](const Tensor& at) { return (1 + delta) * f(at); }, tau};

  values.add("codes_f", encoder.codes());
  const Field points = test["points"];
  const Tensor xt0 = points["xt"].tensor(), c0 = points["c"].tensor();
  values.add("points.posterior", encoder.posterior(xt0, c0, encoder.codes(), alpha, sigma));
  values.add("points.true_score", encoder.score(xt0, c0, encoder.codes(), alpha, sigma));
  values.add("points.w_i_of_c", softmax(encoder.log_weights(c0, encoder.codes())));
  values.add("points.net", score(net, xt0, c0));

  std::vector<Differentiated> wanted = differentiated("grad_theta", theta);
  for (const auto& [name, parameter] : phi) wanted.push_back({"grad_phi", name, parameter, Differentiated::joined});
  wanted.push_back({"gain_derivative", "", delta});
  const losses::Decomposition found =
      losses::decompose([&](const Tensor& xt, const Tensor& c) { return score(net, xt, c); }, encoder,
                        options_for(wanted, alpha, sigma, rule_for(x.extent(1) + encoder.codes().extent(1))));
  add(values, found, wanted);
  values.add("gain_derivative_c2", values.at("gain_derivative.c2").at(0));
}

}  // namespace conformance
