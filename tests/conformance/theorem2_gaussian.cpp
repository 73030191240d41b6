// theorem2_linear_gaussian: s = W x_t + V c + u, so that every loss is quadratic in the noise and few nodes are exact.
#include <fmt/format.h>

#include "autograd/graph/jacobian.h"
#include "distributions/encoder.h"
#include "losses/closed_form.h"
#include "losses/parametrisation.h"
#include "losses/score_matching.h"
#include "tests/conformance/decomposed.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

// c is one condition [m] or one a row [n, m].
Tensor score(const Named& theta, const Tensor& xt, const Tensor& c) {
  return matmul(xt, transpose(theta.at("W"))) + matmul(c, transpose(theta.at("V"))) + theta.at("u");
}

// p(x | c) = N(A c + b, L L'), L = L0 + sum of c_k Lk_k + sum of c_k^2 Lq_k.
struct Conditional {
  Tensor a, b, l0, lk, lq;

  explicit Conditional(const Field& in) : a(in["A"].tensor()), b(in["b"].tensor()), l0(in["L0"].tensor()), lk(in["Lk"].tensor()) {
    if (in.has("Lq")) lq = in["Lq"].tensor();
  }
  Gaussian at(const Tensor& c) const {
    Tensor l = l0 + einsum("k,kij->ij", {c, lk});
    if (lq.defined()) l = l + einsum("k,kij->ij", {square(c), lq});
    return {matmul(a, c) + b, l};
  }
};

Named losses_at(const Conditional& p, const Named& theta, const Tensor& c, double alpha, double sigma) {
  const Tensor of_net = c.tag("net");
  return losses_of(
      p.at(c.tag("dist")), p.at(c.tag("target")), [&](const Tensor& xt) { return score(theta, xt, of_net); }, alpha, sigma);
}

void other_parametrisations(const Gaussian& p, const Named& theta, const Tensor& c, double alpha, double sigma, Values& values) {
  const quadrature::Nodes nodes = exact_nodes(2 * p.dim(), like(p.mean));
  const Tensor x = p.at(slice_axis(nodes.z, 1, 0, p.dim())), eps = slice_axis(nodes.z, 1, p.dim(), 2 * p.dim());
  const Tensor xt = alpha * x + sigma * eps, s = score(theta, xt, c);
  const losses::Level level{alpha, sigma};
  const auto loss = [&](losses::Predicts what) {
    return weighted(nodes.weights, losses::denoising(what, losses::prediction(what, s, xt, level), x, eps, level));
  };
  values.add("reparam_losses.eps_half", loss(losses::Predicts::eps));
  values.add("reparam_losses.x0_half", loss(losses::Predicts::x0));
  values.add("reparam_losses.v_half", loss(losses::Predicts::v));
}

namespace closed_form = losses::closed_form;

void add(Values& values, const closed_form::Values& v) {
  values.add("loss", {{"dsm", v.dsm}, {"esm", v.esm}, {"ism", v.ism}, {"c2", v.c2}, {"c3", v.c3}});
}
void add(Values& values, const closed_form::Shared& theta) {
  for (const char* loss : {"dsm", "esm", "ism"})
    values.add(fmt::format("grad_theta.{}", loss), {{"W", theta.w}, {"V", theta.v}, {"u", theta.u}});
}

// A second route by the library's decomposition, a third by its hand-written formulas.
void other_routes(const Conditional& p, const Named& theta, const Tensor& c, double alpha, double sigma, Values& values) {
  std::vector<Differentiated> wanted = differentiated("grad_theta", theta);
  wanted.push_back({"grad_c", "", c, Differentiated::by_path});
  add(values,
      losses::decompose([&](const Tensor& xt, const Tensor& at) { return score(theta, xt, at); }, losses::Generated{c, p.at(c)},
                        options_for(wanted, alpha, sigma, quadrature::gauss_hermite(2))),
      wanted);

  const auto covariance = [&](const Tensor& at) { return p.at(at).covariance(); };
  const Tensor by_c = permute(jacobian([&](const Tensor& at) { return covariance(at); }, c), {2, 0, 1});
  const closed_form::Generated exact =
      closed_form::generated({theta.at("W"), theta.at("V"), theta.at("u")}, {p.a, p.b, c, covariance(c), by_c}, alpha, sigma);
  add(values, exact.value);
  add(values, exact.theta);
  for (const char* loss : {"dsm", "ism"})
    values.add(fmt::format("grad_c.{}", loss), {{"net", exact.net}, {"dist", exact.dsm_dist}, {"total", exact.dsm()}});
  values.add("grad_c.esm", {{"net", exact.net}, {"dist", exact.esm_dist}, {"target", exact.esm_target}, {"total", exact.esm()}});
  values.add("grad_c.c2.total", exact.c2);
  values.add("grad_c.esm_detached_target.total", exact.net + exact.esm_dist);
}

}  // namespace

void theorem2_direct(const Field& test, Values& values) {
  const Field in = test["inputs"];
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number();
  const Conditional p(in);
  const Named theta = leaves(in, {"W", "V", "u"});
  const Tensor c = in["c"].tensor().requires_grad();
  test["loss"];

  const Gaussian noised = p.at(c).noised(alpha, sigma);
  values.add("mu_t", noised.mean);
  values.add("S", noised.covariance());
  const Named losses = losses_at(p, theta, c, alpha, sigma);
  Sums sums;
  sums.add("loss", losses);
  sums.add("mmse_term", losses.at("dsm") - losses.at("esm"));
  sums.gradients(test, "grad_theta", losses, theta);
  sums.paths(test, "grad_c", losses, c, {"net", "dist", "target"});
  sums.into(values);
  other_parametrisations(p.at(c), theta, c, alpha, sigma, values);
  other_routes(p, theta, c, alpha, sigma, values);
}

void theorem2_phi(const Field& test, Values& values) {
  const Field in = test["inputs"];
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number();
  const Conditional p(in);
  const Named theta = leaves(in, {"W", "V", "u"});
  const Tensor phi = in["Phi"].tensor().requires_grad(), y = in["y"].tensor();
  for (const char* wanted : {"loss", "grad_Phi"}) test[wanted];

  Named mean;
  for (int64_t j = 0; j < y.extent(0); ++j)
    for (const auto& [name, loss] : losses_at(p, theta, matmul(phi, select(y, 0, j)), alpha, sigma)) {
      const Tensor part = loss / static_cast<double>(y.extent(0));
      mean[name] = j ? mean[name] + part : part;
    }
  Sums sums;
  sums.add("loss", mean);
  for (const auto& [name, loss] : mean) sums.add("grad_Phi." + name, gradient(loss, phi));
  sums.into(values);
}

void theorem2_linear_encoder(const Field& test, Values& values) {
  const Field in = test["inputs"];
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number(), tau = test["tau"].number();
  const Named theta = leaves(in, {"W", "V", "u"});
  const Tensor phi = in["Phi"].tensor().requires_grad(), sx = in["Sx"].tensor();
  for (const char* wanted : {"loss", "grad_Phi"}) test[wanted];
  const int64_t m = phi.extent(0), d = phi.extent(1);
  const Gaussian data = Gaussian::with_covariance(zeros({d}, like(sx)), sx);
  const LinearEncoder weights{data, phi.tag("target_w"), tau};
  const LinearEncoder::Posterior posterior = weights.posterior();
  values.add("posterior_gain_K", posterior.gain);
  values.add("posterior_cov_P", posterior.covariance);

  const quadrature::Nodes nodes = exact_nodes(2 * d + m, like(sx));
  const Tensor x = data.at(slice_axis(nodes.z, 1, 0, d)), eps = slice_axis(nodes.z, 1, d, 2 * d),
               eta = slice_axis(nodes.z, 1, 2 * d, 2 * d + m);
  const Tensor xt = (alpha * x + sigma * eps).requires_grad(), c = matmul(x, transpose(phi)) + tau * eta;
  const Named losses =
      losses_of({nodes.weights, eps, xt, score(theta, xt, c.tag("net")), weights.score(xt, c.tag("target_c"), alpha, sigma)}, sigma);
  Sums sums;
  sums.add("loss", losses);
  sums.gradients(test, "grad_theta", losses, theta);
  for (const char* loss : {"dsm", "esm", "ism", "c2"}) sums.add(fmt::format("grad_Phi.{}", loss), gradient(losses.at(loss), phi));
  const GradByPath esm = grad_by_path(losses.at("esm"), phi);
  sums.add("grad_Phi.esm_net", esm.along("net"));
  sums.add("grad_Phi.esm_target_w_detached", esm.total - esm.along("target_w"));
  sums.into(values);

  const closed_form::Encoder exact = closed_form::encoder({theta.at("W"), theta.at("V"), theta.at("u")}, sx, phi, tau, alpha, sigma);
  add(values, exact.value);
  add(values, exact.theta);
  values.add("grad_Phi", {{"dsm", exact.dsm},
                          {"ism", exact.dsm},
                          {"c2", exact.c2},
                          {"esm", exact.esm()},
                          {"esm_net", exact.esm_net},
                          {"esm_target_w_detached", exact.esm_net + exact.esm_target_c}});
}

}  // namespace conformance
