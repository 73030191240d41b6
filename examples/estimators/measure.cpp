#include "examples/estimators/measure.h"

#include <cmath>
#include <ctime>

#include "autograd/graph/gradient.h"
#include "losses/decomposition.h"

namespace scoregrad::estimators {
namespace {

using namespace distributions;
using namespace losses;
using namespace losses::estimate_c2;

struct Exactly {
  double c2, slope;
};
// By quadrature.
template <class Setup>
Exactly exactly(const Setup& setup, const Tensor& stretch, double sigma, const quadrature::Rule& rule) {
  const DecomposeOptions options{.sigma = sigma, .rule = rule, .wrt = {{"stretch", stretch}}, .trace = Trace::none, .tolerance = 1e-7};
  const Decomposition d = [&] {
    if constexpr (std::is_same_v<Setup, InputDistribution>)
      return decompose(Score([](const Tensor& xt) { return 0 * xt; }), setup, options);
    else
      return decompose(ConditionalScore([](const Tensor& xt, const Tensor&) { return 0 * xt; }), setup, options);
  }();
  return {d.c2.value.mean, d.c2.gradient.at("stretch").total.mean[0].item()};
}

Moments moments(const std::vector<double>& v, double want, double rows_each) {
  const auto n = static_cast<double>(v.size());
  double sum = 0, squares = 0;
  for (double x : v) sum += x;
  for (double x : v) squares += (x - sum / n) * (x - sum / n);
  const double variance = squares / (n - 1);
  return {sum / n - want, std::sqrt(variance / n), variance * rows_each};
}

C2Estimator on(const Population& p, const C2Estimator& e) {
  return [=](const Population&, const Rows& rows, const Key& key) { return e(p, rows, key); };
}

}  // namespace

Problem gaussian(int64_t d, double sigma, Options options) {
  const Tensor stretch = scalar(0, options).requires_grad();
  const Gaussian law{zeros({d}, options), exp(stretch) * eye(d, options)}, noised = law.detached().noised(1, sigma);
  const double s = 1 + sigma * sigma, half_d = 0.5 * static_cast<double>(d);
  return {"Gaussian, d = " + std::to_string(d) + ", σ = " + number(sigma, 3),
          stretch,
          population(InputDistribution{law}, {1, sigma}),
          [=](const Tensor& xt, const Tensor&) { return noised.score(xt); },
          half_d / s,
          -2 * half_d / (s * s),
          sigma,
          1,
          d,
          false};
}

Problem mixture(int64_t d, double sigma, Options options) {
  const Tensor stretch = scalar(0, options).requires_grad(), e = exp(stretch);
  Mixture law;
  if (d == 1)
    law = {log(from({0.3, 0.7}, options)), e * from({-1.5, 1.5}, {2, 1}, options), e * from({0.4, 0.4}, {2, 1, 1}, options)};
  else
    law = {log(from({0.4, 0.6}, options)), e * from({-1, 0.5, 1, -0.5}, {2, 2}, options),
           e * from({0.6, 0, 0.2, 0.5, 0.7, 0, -0.3, 0.4}, {2, 2, 2}, options)};
  const Mixture noised = law.detached().noised(1, sigma);
  const Exactly want = exactly(InputDistribution{law}, stretch, sigma, quadrature::trapezoid(8, d == 1 ? 0.1 : 0.2));
  return {"mixture, d = " + std::to_string(d) + ", σ = " + number(sigma, 3),
          stretch,
          population(InputDistribution{law}, {1, sigma}),
          [=](const Tensor& xt, const Tensor&) { return noised.score(xt); },
          want.c2,
          want.slope,
          sigma,
          d == 1 ? 0.16 : 0.6,
          d,
          true};
}

Problem encoder(int64_t points, double sigma, Options options) {
  const Tensor stretch = scalar(0, options).requires_grad();
  const Tensor data = normal({points, 2}, Key(5), options), direction = from({0.9, -0.5}, {2, 1}, options);
  const auto code = [=](const Tensor& gain) {
    return NoisyEncoder{.data = {data}, .encode = [=](const Tensor& x) { return gain * tanh(matmul(x, direction)); }, .tau = 0.5};
  };
  const NoisyEncoder moving = code(exp(stretch)), fixed = code(scalar(1, options));
  const Tensor codes = fixed.codes();
  const Exactly want = exactly(moving, stretch, sigma, quadrature::gauss_hermite(12));
  return {"encoder of " + std::to_string(points) + " points, σ = " + number(sigma, 3),
          stretch,
          population(moving, {1, sigma}),
          [=](const Tensor& xt, const Tensor& c) { return fixed.score(xt, c, codes, 1, sigma); },
          want.c2,
          want.slope,
          sigma,
          1,
          2,
          false};
}

std::vector<Method> methods(const Problem& problem) {
  const auto off = [s = problem.exact](const Tensor& xt, const Tensor& c) { return 0.9 * s(xt, c); };
  std::vector<Method> out = {{"exact", Exact{}, 0, true},
                             {"pair of posterior draws", Pair{}, 0, true},
                             {"critic", Critic{problem.exact}, 0, true},
                             {"critic, 10 % off", Critic{off}, 0, false},
                             {"plug-in, held fixed, 10 % off", PlugIn{off}, 0, false},
                             {"leave-one-out, 64", LeaveOneOut{64}, 64, false},
                             {"leave-one-in, 64", LeaveOneIn{64}, 63, false},
                             {"cross, 64", Cross{64}, 64, false},
                             {"half-jackknife, 64", HalfJackknife{64}, 64, false}};
  if (problem.p.others_in_all != Population::unlimited) {
    const Multilevel m{.base = 4, .rate = 1.5};
    out.push_back({"multilevel to all data", m, m.cost(problem.p), true});
    return out;
  }
  // Stated with 2 the decay is too optimistic for small sigma on purpose: the table shows what that does.
  const Multilevel prior{.decay = 2, .most_levels = 10, .own = false}, own{.decay = 2, .most_levels = 10};
  const Population near = posterior_centred(problem.p, problem.exact, problem.d > 2 ? 1 + 0.3 / static_cast<double>(problem.d) : 1.3);
  out.push_back({"multilevel, others from p", prior, prior.cost(problem.p), false});
  out.push_back({"multilevel, with x itself", own, own.cost(problem.p), false});
  // A normal proposal meets one mode at a time: for a mixture its weights have heavy tails, and their gradients heavier ones.
  out.push_back({"multilevel, near x_t", on(near, Multilevel{.rate = 1.3}), Multilevel{.rate = 1.3}.cost(near), true, !problem.mixture});
  return out;
}

Measured measure(const Problem& problem, const Method& method, int64_t rows, const Key& key) {
  constexpr int64_t block = 250;
  std::vector<double> values, slopes;
  const std::clock_t start = std::clock();
  for (int64_t b = 0; b < rows / block; ++b) {
    const Key now = key.fold(b);
    const Tensor v = method.estimator(problem.p, problem.p.draw(block, now.fold("rows")), now.fold("inner"));
    slopes.push_back(grad(mean(v), problem.stretch, {.allow_unused = true}).item());
    for (double x : v.detach().to_vector<double>()) values.push_back(x);
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return {moments(values, problem.c2, 1), moments(slopes, problem.slope, block), 1e6 * seconds / static_cast<double>(values.size())};
}

}  // namespace scoregrad::estimators
