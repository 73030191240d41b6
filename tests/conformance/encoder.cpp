// theorem2_encoder_empirical: a finite data set, a noisy code c = f(x_i) + tau eta and an MLP as score, summed over the data and integrated
// over eta and eps.
#include "samplers/encoder.h"

#include <fmt/format.h>

#include "tests/conformance/expectation.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

// The trapezoidal rule converges exponentially; more dimensions must do with a wider step.
quadrature::Rule rule_for(int64_t dims) {
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
  const int64_t n = x.extent(0), d = x.extent(1), m = encoder.codes().extent(1);

  values.add("codes_f", encoder.codes());
  const Field points = test["points"];
  const Tensor xt0 = points["xt"].tensor(), c0 = points["c"].tensor();
  values.add("points.posterior", encoder.posterior(xt0, c0, encoder.codes(), alpha, sigma));
  values.add("points.true_score", encoder.score(xt0, c0, encoder.codes(), alpha, sigma));
  values.add("points.w_i_of_c", softmax(encoder.log_weights(c0, encoder.codes())));
  values.add("points.net", score(net, xt0, c0));

  // One sweep serves all parameters, those of the score and those of the code.
  struct Parameter {
    std::string name;
    bool of_code;
  };
  std::vector<Parameter> parameters;
  Tensors xs;
  const auto want = [&](const std::string& name, const Tensor& parameter, bool of_code) {
    parameters.push_back({name, of_code});
    xs.push_back(parameter);
  };
  for (const auto& [name, parameter] : theta) want(name, parameter, false);
  for (const auto& [name, parameter] : phi) want(name, parameter, true);
  want("(gain)", delta, true);
  Sums sums;
  for (int64_t i = 0; i < n; ++i) {
    quadrature::Grid grid(rule_for(d + m), d + m, test.options(), 1e-15);
    for (auto nodes = grid.next(8192); nodes.z.defined(); nodes = grid.next(8192)) {
      const Tensor eps = narrow(nodes.z, 1, 0, d), eta = narrow(nodes.z, 1, d, d + m), codes = encoder.codes();
      const Tensor xt = (alpha * select(x, 0, i) + sigma * eps).requires_grad(), c = select(codes, 0, i) + tau * eta;
      const Tensor target = encoder.score(xt, c.tag("target_c"), codes.tag("target_w"), alpha, sigma);
      const Tensor weights = nodes.weights * exp(select(encoder.data.log_probabilities(), 0, i));
      const Named losses = losses_of({weights, eps, xt, score(net, xt, c.tag("net")), target}, sigma);
      sums.add("loss", losses);
      for (const char* loss : {"dsm", "esm", "ism", "c2"}) {
        const std::vector<GradByPath> gs = grad_by_path(losses.at(loss), xs, {.allow_unused = true});
        for (size_t k = 0; k < gs.size(); ++k) {
          const auto& [name, of_code] = parameters[k];
          sums.add(fmt::format("{}.{}.{}", of_code ? "grad_phi" : "grad_theta", loss, name), gs[k].total);
          for (const char* path : {"net", "target_c", "target_w"})
            if (of_code) sums.add(fmt::format("grad_phi.{}_{}.{}", loss, path, name), gs[k].along(path));
        }
      }
    }
  }
  sums.into(values);
  values.add("gain_derivative_c2", sums.at("grad_phi.c2.(gain)"));
}

}  // namespace conformance
