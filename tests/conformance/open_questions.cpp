// openq_closed_forms: optima and flows of the bias experiments. Every optimum is found on the library's losses by their own gradients,
// every time by integrating along the flow.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "distributions/encoder.h"
#include "losses/optima.h"
#include "losses/score_matching.h"
#include "tests/conformance/kinds.h"
#include "tests/conformance/minimum.h"
#include "tests/conformance/mixture.h"

namespace conformance {
namespace {

namespace closed_form = losses::closed_form;

Gaussian line(const Tensor& mean, const Tensor& variance) { return Gaussian::diagonal(reshape(mean, {1}), reshape(sqrt(variance), {1})); }

// The time in which dx/dt = -slope(loss) takes x from `from` down to `to`.
double time_between(const Function& loss, double from, double to) {
  return integral(to, from, [&](double x) { return 1 / slope(loss, x); });
}

// Data N(0, lambda) seen through a code of signal-to-noise ratio k, the score being exact.
struct CodedMode {
  double lambda, sigma;
  LinearEncoder encoder(const Tensor& k) const {
    return {line(scalar(0, like(k)), scalar(lambda, like(k))), reshape(sqrt(k / lambda), {1, 1}), 1};
  }
  Tensor posterior_variance(const Tensor& k) const { return reshape(encoder(k).posterior().covariance, {}); }
  Named losses(const Tensor& k) const {
    const LinearEncoder e = encoder(k);
    const quadrature::Nodes nodes = exact_nodes(3, like(k));
    const Tensor x = e.data.at(slice_axis(nodes.z, 1, 0, 1)), eps = slice_axis(nodes.z, 1, 1, 2);
    const Tensor xt = (x + sigma * eps).requires_grad(), c = matmul(x, transpose(e.gain)) + slice_axis(nodes.z, 1, 2, 3);
    const Tensor s = e.score(xt, c, 1, sigma);
    return losses_of({nodes.weights, eps, xt, s, s}, sigma);
  }
};

}  // namespace

void frozen_gaussian(const Field& test, Values& values) {
  const double w = test["w"].number(), a = test["a"].number(), sigma = test["sigma"].number();
  const Options options = test.options();
  const auto at = [&](const Tensor& mu, const Tensor& v) {
    return losses_of(
        line(mu, v), line(mu, v), [&](const Tensor& xt) { return -w * (xt - a); }, 1, sigma);
  };
  const Tensor centre = scalar(a, options);
  const auto loss = [&](const char* name, double gamma = 0) -> Function {
    return [=](const Tensor& v) {
      const Named all = at(centre, v);
      return gamma == 0 ? all.at(name) : all.at(name) + gamma * all.at("c2");
    };
  };
  const Field flow = test["dsm_flow"];
  const double v0 = flow["v0"].number();
  const Tensor start = zeros({1}, options);
  values.add("argmin_mu", reshape(minimise([&](const Tensor& mu) { return at(mu, scalar(v0, options)).at("dsm"); }, start), {}));
  values.add("argmin_mu", reshape(minimise([&](const Tensor& mu) { return at(mu, scalar(v0, options)).at("esm"); }, start), {}));
  values.add("argmin_v_dsm", argmin(loss("dsm"), half_line()));
  values.add("argmin_v_esm", argmin(loss("esm"), half_line()));
  const closed_form::FrozenScore solved{w, a, sigma};
  values.add("argmin_v_dsm", solved.best_variance(0));
  values.add("argmin_v_esm", solved.best_variance(1));
  values.add("dsm_flow.dv_dt", solved.variance_rate(v0, 0));
  values.add("dsm_flow.time_to_zero", solved.collapse_time(v0));
  values.add("esm_flow_rhs_at_v0", solved.variance_rate(v0, 1));
  if (test.has("argmin_v_dsm_plus_gamma_c2")) {
    const Field gammas = test["argmin_v_dsm_plus_gamma_c2"];
    for (const std::string& key : gammas.keys()) {
      values.add("argmin_v_dsm_plus_gamma_c2." + key, argmin(loss("dsm", number_of(gammas, key)), half_line()));
      values.add("argmin_v_dsm_plus_gamma_c2." + key, solved.best_variance(number_of(gammas, key)));
    }
  }
  values.add("dsm_flow.dv_dt", -slope(loss("dsm"), v0));
  values.add("dsm_flow.time_to_zero", time_between(loss("dsm"), v0, 0));
  values.add("esm_flow_rhs_at_v0", -slope(loss("esm"), v0));
  if (test.has("penalty_frozen_dv"))
    for (const std::string& key : test["penalty_frozen_dv"].keys()) {
      if (key.rfind("lam_", 0) != 0) continue;
      const double lambda = std::strtod(key.c_str() + 4, nullptr);
      const Function penalised = [&](const Tensor& v) {
        const Named all = at(centre, v);
        return all.at("dsm") + lambda * all.at("half_norm");
      };
      values.add("penalty_frozen_dv." + key, slope(penalised, v0));
    }
}

// The score follows p: s = s*.
void joint_gaussian(const Field& test, Values& values) {
  const double sigma = test["sigma"].number(), v0 = test["v0"].number();
  const Options options = test.options();
  const auto at = [&](const Tensor& v) {
    const Gaussian p = line(scalar(0, options), v), q = p.noised(1, sigma);
    return losses_of(
        p, p, [&](const Tensor& xt) { return q.score(xt); }, 1, sigma);
  };
  const Function dsm = [&](const Tensor& v) { return at(v).at("dsm"); };
  const double all = time_between(dsm, v0, 0);
  values.add("dsm_star", dsm(scalar(v0, options)));
  values.add("time_to_zero", all);
  const closed_form::FollowingScore solved{sigma};
  values.add("dsm_star", solved.dsm(v0));
  values.add("time_to_zero", solved.collapse_time(v0));
  values.add("v_at_half_time", solved.variance_at(0.5 * solved.collapse_time(v0), v0));
  values.add("v_at_half_time", root([&](double v) { return time_between(dsm, v0, v) - 0.5 * all; }, 0, v0));
  if (test.has("d_dv_dsm_plus_lambda_c2_amortised")) {
    const Field lambdas = test["d_dv_dsm_plus_lambda_c2_amortised"];
    for (const std::string& key : lambdas.keys()) {
      const double lambda = number_of(lambdas, key);
      const Function corrected = [&](const Tensor& v) {
        const Named losses = at(v);
        return losses.at("dsm") + lambda * losses.at("c2");
      };
      values.add("d_dv_dsm_plus_lambda_c2_amortised." + key, slope(corrected, v0));
      values.add("d_dv_dsm_plus_lambda_c2_amortised." + key, solved.slope(v0, lambda));
    }
  }
}

void encoder_rate(const Field& test, Values& values) {
  const CodedMode mode{test["lambda"].number(), test["sigma"].number()};
  const double beta = test["beta"].number();
  // I(x; c) = 1/2 log of the variance that x loses.
  const auto with_rate = [&](bool corrected) -> Function {
    return [&, corrected](const Tensor& k) {
      const Named losses = mode.losses(k);
      const Tensor rate = 0.5 * beta * log(mode.lambda / mode.posterior_variance(k));
      return rate + (corrected ? losses.at("dsm") + losses.at("c2") : losses.at("dsm"));
    };
  };
  const double k = argmin(with_rate(false), half_line());
  const Tensor best = scalar(k, test.options());
  values.add("dsm_optimal_snr_k", best);
  values.add("dsm_optimal_snr_k", closed_form::LinearCode{mode.lambda, mode.sigma}.best_ratio(beta));
  values.add("dsm_optimal_value", with_rate(false)(best));
  values.add("posterior_variance_at_dsm_optimum", mode.posterior_variance(best));
  values.add("esm_corrected_optimal_snr_k", argmin(with_rate(true), half_line()));
}

// x = -1 or 1, c = phi x + tau eta, the score being exact.
void binary_encoder(const Field& test, Values& values) {
  const double sigma = test["sigma"].number(), tau = test["tau"].number();
  const Field rows = test["rows"];
  const Tensor x = from({-1, 1}, {2, 1}, test.options());
  const quadrature::Nodes nodes = product(quadrature::trapezoid(), 2, test.options());
  const Tensor eps = slice_axis(nodes.z, 1, 0, 1), eta = slice_axis(nodes.z, 1, 1, 2);
  for (size_t r = 0; r < rows.size(); ++r) {
    const Tensor phi = rows[r]["phi"].tensor().requires_grad();
    const NoisyEncoder encoder{{x}, [&](const Tensor& at) { return phi * at; }, tau};
    Tensor mmse, c2, dsm;
    for (int64_t i = 0; i < 2; ++i) {
      const Tensor codes = encoder.codes(), xt = select(x, 0, i) + sigma * eps, c = select(codes, 0, i) + tau * eta;
      const Tensor s = encoder.score(xt, c, codes, 1, sigma), mean = matmul(encoder.posterior(xt, c, codes, 1, sigma), x);
      const auto add = [&](Tensor& total, const Tensor& f) {
        const Tensor part = 0.5 * weighted(nodes.weights, f);
        total = total.defined() ? total + part : part;
      };
      add(mmse, sum(square(select(x, 0, i) - mean), {1}));
      add(c2, losses::c2(s));
      add(dsm, losses::dsm(s, eps, sigma));
    }
    const std::string row = fmt::format("rows[{}].", r);
    values.add(row + "mmse", mmse);
    values.add(row + "c2", c2);
    values.add(row + "dsm_star", dsm);
    values.add(row + "dc2_dphi", gradient(c2, phi));
    const closed_form::BinaryCode solved{sigma, tau};
    values.add(row + "c2", solved.c2(phi.item()));
    values.add(row + "dc2_dphi", solved.c2_slope(phi.item()));
    // What x_t and c say together: their signal-to-noise ratios add up.
    values.add(row + "rho", reshape(1 / (sigma * sigma) + square(phi) / (tau * tau), {}));
  }
}

// A budget of signal-to-noise ratio over independent modes: equal slopes nu where a mode gets any.
void waterfilling(const Field& test, Values& values) {
  const double sigma = test["sigma"].number(), budget = test["total_snr"].number();
  const std::vector<double> lambda = test["lambda"].tensor().to_vector<double>();
  const auto loss = [&](size_t i) -> Function {
    return [&, i](const Tensor& k) { return CodedMode{lambda[i], sigma}.losses(k).at("dsm"); };
  };
  const double nearly_none = 1e-9;
  const auto share = [&](size_t i, double nu) {
    const auto excess = [&](double k) { return slope(loss(i), k) + nu; };
    if (excess(nearly_none) >= 0) return 0.0;
    return excess(budget) <= 0 ? budget : root(excess, nearly_none, budget);
  };
  double steepest = 0;
  for (size_t i = 0; i < lambda.size(); ++i) steepest = std::max(steepest, -slope(loss(i), nearly_none));
  const auto surplus = [&](double log_nu) {
    double total = -budget;
    for (size_t i = 0; i < lambda.size(); ++i) total += share(i, std::exp(log_nu));
    return total;
  };
  const double nu = std::exp(root(surplus, std::log(steepest) - 30, std::log(steepest)));
  std::vector<double> k;
  double best = 0, uniform = 0;
  for (size_t i = 0; i < lambda.size(); ++i) {
    k.push_back(share(i, nu));
    best += loss(i)(scalar(k[i], test.options())).item();
    uniform += loss(i)(scalar(budget / static_cast<double>(lambda.size()), test.options())).item();
  }
  values.add("dsm_k", from(k, test.options()));
  values.add("dsm_star", best);
  values.add("uniform_k_dsm_star", uniform);
  values.add("multiplier_nu", nu);
  const closed_form::WaterFilling solved = closed_form::water_filling(lambda, sigma, budget);
  values.add("dsm_k", from(solved.ratios, test.options()));
  values.add("dsm_star", solved.dsm);
  values.add("multiplier_nu", solved.multiplier);
}

// The best p under a frozen mixture score sits at one point x: ell(x) = E 1/2 |s(x + sigma eps) + eps / sigma|^2.
void frozen_mixture(const Field& test, Values& values) {
  const double sigma = test["sigma"].number();
  const Mixture model = line_mixture(test), noised = model.noised(1, sigma);
  const quadrature::Nodes nodes = product(quadrature::trapezoid(), 1, test.options());
  const Function ell = [&](const Tensor& x) {
    return weighted(nodes.weights, losses::dsm(noised.score(x + sigma * nodes.z), nodes.z, sigma));
  };
  const std::vector<double> means = model.means.to_vector<double>();
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  const double best = argmin(ell, interval(*low - 3, *high + 3, 400));
  values.add("argmin_x", best);
  values.add("ell_min", ell(scalar(best, test.options())));
  values.add("dsm_at_model_itself", mixture_losses(
                                        model, [&](const Tensor& xt) { return noised.score(xt); }, 1, sigma)
                                        .at("dsm"));
  if (test.has("ell_at"))
    for (const std::string& key : test["ell_at"].keys())
      values.add("ell_at." + key, ell(scalar(number_of(test["ell_at"], key), test.options())));
}

}  // namespace conformance
