// corollary1_*: the score is frozen and the distribution is what moves.
#include <fmt/format.h>

#include "distributions/push_forward.h"
#include "losses/closed_form.h"
#include "tests/conformance/decomposed.h"
#include "tests/conformance/kinds.h"
#include "tests/conformance/minimum.h"
#include "tests/conformance/mixture.h"

namespace conformance {
namespace {

// Cross-entropy, entropy and divergence of q(x_t) from the model, both Gaussian.
Named entropies(const Gaussian& p, const Gaussian& model, double alpha, double sigma) {
  const Gaussian q = p.noised(alpha, sigma);
  const quadrature::Nodes nodes = exact_nodes(p.dim(), like(p.mean));
  const Tensor xt = q.at(nodes.z);
  const Tensor cross = -weighted(nodes.weights, model.noised(alpha, sigma).log_density(xt));
  const Tensor own = -weighted(nodes.weights, q.log_density(xt));
  return {{"cross_entropy", cross}, {"entropy", own}, {"kl", cross - own}};
}

// N(mean, L L') from a vector of mean and lower triangle, and back.
struct Packed {
  int64_t d;
  Tensor rows, columns;  // of the lower triangle
  explicit Packed(int64_t dim, Options options) : d(dim) {
    std::vector<int64_t> place;
    for (int64_t i = 0; i < d; ++i)
      for (int64_t j = 0; j <= i; ++j) place.push_back(i * d + j);
    rows = indices(place, options.device);
  }
  Tensor pack(const Tensor& m, const Tensor& l) const { return concat({m, index_select(flatten(l), 0, rows)}, 0); }
  Gaussian unpack(const Tensor& v) const {
    const Tensor l = index_add(zeros({d * d}, like(v)), 0, rows, slice_axis(v, 0, d, v.extent(0)));
    return {slice_axis(v, 0, 0, d), reshape(l, {d, d})};
  }
};

}  // namespace

void corollary1_gaussian(const Field& test, Values& values) {
  const Field in = test["inputs"];
  const double alpha = test["alpha"].number(), sigma = test["sigma"].number();
  const Named at = leaves(in, {"m", "L"});
  const Tensor w = in["W"].tensor(), u = in["u"].tensor();
  test["loss"];
  const Score s = [&](const Tensor& xt) { return matmul(xt, transpose(w)) + u; };
  const Gaussian p{at.at("m"), tril(at.at("L"))}, model = Gaussian::with_covariance(in["mu0"].tensor(), in["B"].tensor());

  Sums sums;
  const Named losses = losses_of(p, p, s, alpha, sigma), entropy = entropies(p, model, alpha, sigma);
  sums.add("loss", losses);
  sums.add("loss", entropy);
  sums.gradients(test, "grad", losses, at);
  sums.into(values);
  // Distillation a second way: the gradients of what it descends.
  Sums again;
  again.gradients(test, "grad", {{"sds", entropy.at("cross_entropy")}, {"vsd_kl", entropy.at("kl")}}, at);
  again.into(values);
  const std::vector<Differentiated> wanted = differentiated("grad", at);
  add(values, losses::decompose(s, losses::InputDistribution{p}, options_for(wanted, alpha, sigma, quadrature::gauss_hermite(2))), wanted);
  const auto exact = losses::closed_form::frozen({w, {}, u}, p.mean, p.factor, alpha, sigma);
  for (const auto& [name, part] : std::map<std::string, losses::closed_form::GaussianGradient>{{"dsm", exact.dsm},
                                                                                               {"esm", exact.esm},
                                                                                               {"c2", exact.c2},
                                                                                               {"esm_detached_target", exact.esm_detached},
                                                                                               {"sds", exact.sds},
                                                                                               {"vsd_kl", exact.vsd}})
    values.add("grad." + name, {{"m", part.mean}, {"L", tril(part.factor)}});

  const Packed packed(p.dim(), like(w));
  const auto optimum = [&](const char* loss) {
    return packed.unpack(minimise([&](const Tensor& v) { return losses_of(packed.unpack(v), packed.unpack(v), s, alpha, sigma).at(loss); },
                                  packed.pack(p.mean.detach(), p.factor.detach())));
  };
  const Gaussian dsm = optimum("dsm"), esm = optimum("esm");
  values.add("optimum.dsm_m", dsm.mean);
  values.add("optimum.dsm_L", dsm.factor);
  values.add("optimum.esm_m", esm.mean);
  values.add("optimum.esm_LLt", esm.covariance());
}

void corollary1_sds(const Field& test, Values& values) {
  const double sigma = test["sigma"].number(), v = test["v_model"].number(), m0 = test["m"].number(), tau2_0 = test["tau2"].number();
  for (const char* wanted : {"loss", "d_dm", "d_dtau2"}) test[wanted];
  const Options options = test.options();
  const Gaussian model = Gaussian::diagonal(zeros({1}, options), full({1}, std::sqrt(v), options));
  // Losses and entropies of N(m, tau2) at a noise level, as functions of the two parameters.
  const auto at = [&](const Tensor& m, const Tensor& tau2, double level) {
    const Gaussian p = Gaussian::diagonal(reshape(m, {1}), reshape(sqrt(tau2), {1})), noised = model.noised(1, level);
    Named all = losses_of(
        p, p, [&](const Tensor& xt) { return noised.score(xt); }, 1, level);
    all.merge(entropies(p, model, 1, level));
    return all;
  };
  const Tensor m = scalar(m0, options).requires_grad(), tau2 = scalar(tau2_0, options).requires_grad();
  const Named losses = at(m, tau2, sigma);
  values.add("loss", losses);
  for (const auto& [name, x] : Named{{"d_dm", m}, {"d_dtau2", tau2}}) {
    for (const char* loss : {"dsm", "esm", "c2", "sds", "vsd_kl"})
      values.add(fmt::format("{}.{}", name, loss), gradient(losses.at(loss), x));
    values.add(name + ".sds", gradient(losses.at("cross_entropy"), x));
    values.add(name + ".vsd_kl", gradient(losses.at("kl"), x));
  }

  const auto over_noise = [&](const char* loss, const Tensor& x) {
    return integral_from(sigma * sigma, [&](double g) { return gradient(at(m, tau2, std::sqrt(g)).at(loss), x).item(); });
  };
  values.add("heat_flow_integrals.int_dsm_dm", over_noise("dsm", m));
  values.add("heat_flow_integrals.int_dsm_dtau2", over_noise("dsm", tau2));
  values.add("heat_flow_integrals.int_esm_dm", over_noise("esm", m));
  values.add("heat_flow_integrals.int_esm_dtau2", over_noise("esm", tau2));

  const auto best = [&](const char* loss, double gamma) {
    return argmin(
        [&](const Tensor& t) {
          const Named all = at(m.detach(), t, sigma);
          return gamma == 0 ? all.at(loss) : all.at(loss) + gamma * all.at("c2");
        },
        half_line());
  };
  values.add("argmin_tau2.dsm", best("dsm", 0));
  values.add("argmin_tau2.sds", best("cross_entropy", 0));
  values.add("argmin_tau2.esm", best("esm", 0));
  values.add("argmin_tau2.vsd_kl", best("kl", 0));
  if (test.has("gamma_corrected_tau2"))
    for (const std::string& gamma : test["gamma_corrected_tau2"].keys())
      values.add("gamma_corrected_tau2." + gamma, best("dsm", number_of(test["gamma_corrected_tau2"], gamma)));
}

void corollary1_pushforward(const Field& test, Values& values) {
  const double sigma = test["sigma"].number();
  const Tensor psi = test["psi"].tensor().requires_grad();
  if (psi.shape() != Shape{3}) test["psi"].malformed("three parameters are expected");
  for (const char* wanted : {"loss", "grad"}) test[wanted];
  const Mixture model = line_mixture(test["model_mixture"]).noised(1, sigma);
  const auto push = [&](const Tensor& z) { return select(psi, 0, 0) + select(psi, 0, 1) * z + select(psi, 0, 2) * tanh(2 * z); };

  // q(x_t): the law of x is as good as the finite law on the nodes of z.
  quadrature::Grid grid(quadrature::trapezoid(), 2, test.options());
  Sums sums;
  for (auto nodes = grid.next(4096); nodes.z.defined(); nodes = grid.next(4096)) {
    const Tensor eps = slice_axis(nodes.z, 1, 1, 2), xt = push(slice_axis(nodes.z, 1, 0, 1)) + sigma * eps;
    const FiniteData q = push_forward(push, 1, test.options()).noised(1, sigma);
    const Named losses = losses_of({nodes.weights, eps, xt, model.score(xt), q.score(xt), q.detached().score(xt)}, sigma);
    sums.add("loss", losses);
    for (const std::string& loss : test["grad"].keys())
      if (losses.count(loss)) sums.add("grad." + loss, gradient(losses.at(loss), psi));
  }
  sums.into(values);
}

void corollary1_mixture_weight(const Field& test, Values& values) {
  const double sigma = test["sigma"].number(), a = test["a"].number(), v = test["v"].number();
  for (const char* wanted : {"loss", "dloss_dpi"}) test[wanted];
  const Options options = test.options();
  const auto two = [&](const Tensor& pi) {
    return Mixture{log(stack({pi, 1 - pi})), from({-a, a}, {2, 1}, options), full({2, 1, 1}, std::sqrt(v), options)};
  };
  const Mixture model = two(test["pi_model"].tensor()).noised(1, sigma);
  const auto at = [&](const Tensor& pi) {
    return mixture_losses(
        two(pi), [&](const Tensor& xt) { return model.score(xt); }, 1, sigma);
  };
  const Tensor pi = test["pi"].tensor().requires_grad();
  const Named losses = at(pi);
  values.add("loss", losses);
  for (const char* loss : {"dsm", "esm", "c2"}) values.add(fmt::format("dloss_dpi.{}", loss), gradient(losses.at(loss), pi));
  // DSM is linear in p: the value of each mode by itself.
  const auto mode = [&](double mean) {
    const Mixture one{zeros({1}, options), full({1, 1}, mean, options), full({1, 1, 1}, std::sqrt(v), options)};
    return mixture_losses(
               one, [&](const Tensor& xt) { return model.score(xt); }, 1, sigma)
        .at("dsm");
  };
  values.add("ell_minus", mode(-a));
  values.add("ell_plus", mode(a));
  for (const char* loss : {"dsm", "esm"})
    values.add(fmt::format("argmin_pi.{}", loss), argmin([&](const Tensor& x) { return at(x).at(loss); }, interval(0, 1)));
}

}  // namespace conformance
