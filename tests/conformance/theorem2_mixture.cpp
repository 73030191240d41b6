// theorem2_quadrature_mixture: a mixture whose weights, means and factors depend on c, and an MLP as score.
#include "tests/conformance/decomposed.h"
#include "tests/conformance/kinds.h"
#include "tests/conformance/mixture.h"

namespace conformance {
namespace {

// softmax(P c + p0), a_k + B_k c, L0_k + sum of c_j Lk_kj.
Mixture mixture_at(const Field& in, const Tensor& c) {
  return {matmul(in["P"].tensor(), c) + in["p0"].tensor(), in["a"].tensor() + einsum("kij,j->ki", {in["B"].tensor(), c}),
          in["L0"].tensor() + einsum("kjab,j->kab", {in["Lk"].tensor(), c})};
}

// The network at rows of x_t under one condition.
Tensor score(const nn::MLP& net, const Tensor& xt, const Tensor& c) {
  return net(concat({xt, broadcast_to(c, {xt.extent(0), c.extent(0)})}, 1));
}

}  // namespace

void theorem2_mixture(const Field& test, Values& values) {
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number();
  const Field in = test["mixture_params"];
  const Named theta = leaves(test["net_params"]);
  const nn::MLP net = network(test["net_params"], theta, nn::tanh);
  const Tensor c = test["c"].tensor().requires_grad();
  test["loss"];

  const Mixture q = mixture_at(in, c).noised(alpha, sigma);
  values.add("mixture_at_c.pi", softmax(q.log_weights));
  values.add("mixture_at_c.mu", q.means);
  values.add("mixture_at_c.S", q.components().covariance());
  const Tensor points = test["points"]["x"].tensor();
  values.add("points.true_score", q.score(points));
  values.add("points.net", score(net, points, c));

  Sums sums;
  visit(mixture_at(in, c.tag("dist")), alpha, sigma, [&](const Block& b) {
    const Mixture target = mixture_at(in, c.tag("target")).noised(alpha, sigma);
    const Named losses =
        losses_of({b.weights, b.eps, b.xt, score(net, b.xt, c.tag("net")), target.score(b.xt), target.detached().score(b.xt)}, sigma);
    sums.add("loss", losses);
    sums.gradients(test, "grad_theta", losses, theta);
    sums.paths(test, "grad_c", losses, c, {"net", "dist", "target"});
  });
  sums.into(values);

  std::vector<Differentiated> wanted = differentiated("grad_theta", theta);
  wanted.push_back({"grad_c", "", c, Differentiated::by_path});
  add(values,
      losses::decompose(
          [&](const Tensor& xt, const Tensor& at) {
            return net(concat({xt, at}, 1));
          },
          losses::Generated{c, mixture_at(in, c)}, options_for(wanted, alpha, sigma, rule_for(q.dim()))),
      wanted);
}

}  // namespace conformance
