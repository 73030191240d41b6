// Theorems 1 and 2 for a law that c shapes in weights, means and covariances, and a network as score. There are no closed forms: the
// independent routes are sums over noise, which c enters through the samples, and sums over x and x_t, which c enters through the density.
#include <cmath>

#include "examples/verify/families.h"
#include "nn/mlp.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double sigma = 0.6;

struct Case {
  Tensor tilt, weights, shift, means, slopes,
      factors;  // log w = tilt c + weights, mean_k = shift_k c + means_k, L_k = factors_k + c . slopes_k
  Tensor c;
  nn::MLP net;
};
// Fixed random numbers, the same in both element types.
Case made(int64_t d, int64_t components, Options o) {
  const Key key(static_cast<uint64_t>(d));
  const auto numbers = [&](const char* name, const Shape& shape, double scale) {
    return (scale * normal(shape, key.fold(name), {float64})).to(o.dtype).to(o.device);
  };
  Case k;
  k.tilt = numbers("tilt", {components, 2}, 0.6);
  k.weights = numbers("weights", {components}, 0.4);
  k.means = numbers("means", {components, d}, 1.2);
  k.shift = numbers("shift", {components, d, 2}, 0.5);
  k.factors = numbers("factors", {components, d, d}, 0.1) + 0.6 * eye(d, o);
  k.slopes = numbers("slopes", {2, components, d, d}, 0.15);
  k.c = from({0.5, -0.3}, o).requires_grad();
  std::vector<nn::Linear> layers;
  const std::vector<int64_t> widths = {d + 2, 12, 12, d};
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    const double scale = 0.9 / std::sqrt(static_cast<double>(widths[i]));
    layers.emplace_back(numbers(("weight" + std::to_string(i)).c_str(), {widths[i + 1], widths[i]}, scale).requires_grad(),
                        numbers(("bias" + std::to_string(i)).c_str(), {widths[i + 1]}, 0.2).requires_grad());
  }
  k.net = nn::MLP(std::move(layers), nn::tanh);
  return k;
}
Mixture law(const Case& k, const Tensor& c) {
  return {matmul(k.tilt, c) + k.weights, matmul(k.shift, c) + k.means,
          k.factors + select(c, 0, 0) * select(k.slopes, 0, 0) + select(c, 0, 1) * select(k.slopes, 0, 1)};
}
Tensor model(const Case& k, const Tensor& xt, const Tensor& c) { return k.net(concat({xt, c}, 1)); }

// ---- the route through densities, in one dimension: c moves weights of fixed grid points -------------------------------------------
struct OnGrid {
  Tensor dsm, esm, ism, c2;
};
// log sum of w_k N(x; mean_k, variance_k) written out, for laws of shape [K] at points [n]: [n].
Tensor log_density(const Tensor& log_weights, const Tensor& means, const Tensor& variances, const Tensor& x) {
  return logsumexp(log_weights - 0.5 * square(unsqueeze(x, 1) - means) / variances - 0.5 * log(6.283185307179586 * variances), {1});
}
OnGrid on_grid(const Case& k, Options o) {
  const double reach = 10, step = 0.1;
  const Tensor line = arange(-reach, reach + step / 2, step, o);
  const Tensor in = k.c.tag("net"), drawn = k.c.tag("dist"), meant = k.c.tag("target");
  const auto weights = [&](const Tensor& c) { return log_softmax(matmul(k.tilt, c) + k.weights, -1); };
  const auto means = [&](const Tensor& c) { return reshape(matmul(k.shift, c) + k.means, {-1}); };
  const auto variances = [&](const Tensor& c) { return square(reshape(law(k, c).factors, {-1})); };
  const auto s_at = [&](const Tensor& xt) { return reshape(model(k, unsqueeze(xt, 1), broadcast_to(in, {xt.extent(0), 2})), {-1}); };

  const Tensor xt = line.detach().requires_grad();
  const Tensor s = s_at(xt), slope = grad(s, xt, {.seed = ones_like(xt), .create_graph = true});
  const Tensor q = step * exp(log_density(weights(drawn), means(drawn), variances(drawn) + sigma * sigma, line));
  // s* is the derivative of the log density, taken by the engine.
  const Tensor log_q = log_density(weights(meant), means(meant), variances(meant) + sigma * sigma, xt);
  const Tensor target = grad(log_q, xt, {.seed = ones_like(xt), .create_graph = true});
  // DSM over x and x_t apart, so that E[t | x_t] = s* is not presupposed.
  const Tensor p = step * exp(log_density(weights(drawn), means(drawn), variances(drawn), line));
  const Tensor t = (unsqueeze(line, 1) - line) / (sigma * sigma);  // -(x_t - x) / sigma^2, [x, x_t]
  const Tensor kernel = exp(-0.5 * square(sigma * t)) * (step / (sigma * 2.5066282746310002));
  return {sum(unsqueeze(p, 1) * kernel * (0.5 * square(s - t))), sum(q * (0.5 * square(s - target))), sum(q * (0.5 * square(s) + slope)),
          sum(q * (0.5 * square(target)))};
}

void check(Run& run, int64_t d, const quadrature::Rule& rule) {
  const std::string name = "mixture/" + std::to_string(d) + "d-", in = " (x in " + std::to_string(d) + "-d)";
  const Case k = made(d, d == 1 ? 3 : 2, run.options());
  const Tensors theta = nn::parameters(k.net);
  const auto score = [&](const Tensor& xt, const Tensor& c) { return model(k, xt, c); };
  const DecomposeOptions exact_rule{.sigma = sigma, .rule = rule, .wrt = {{"c", k.c}, {"theta", theta}}, .progress = run.watcher()};
  DecomposeOptions by_chance = exact_rule;
  by_chance.samples = run.samples() / 4;
  by_chance.block = run.block();
  const auto exact = once([&] { return decompose(score, Generated{k.c, law(k, k.c)}, exact_rule); });
  const auto drawn = once([&] { return decompose(score, Generated{k.c, law(k, k.c)}, by_chance, run.key(name)); });
  const auto grid = once([&] { return on_grid(k, run.options()); });
  const auto along = [](const Term& t, const char* path) { return Values(t.gradient.at("c").along(path)); };
  const auto total = [](const Term& t, const char* group = "c") { return Values(t.gradient.at(group).total); };
  const auto split = [&](Tensor OnGrid::*loss, const char* path) {
    return Values(grad_by_path(grid().*loss, k.c, {.allow_unused = true}).along(path));
  };
  const bool line = d == 1;
  const Kind q = Kind::quadrature;
  const auto values = [](const Decomposition& e) { return joined({e.dsm.value, e.esm.value, e.ism.value, e.c2.value}).of(e); };

  run.statement(name + "score", "s* in closed form = derivative of the log density" + in)
      .from("autodiff of log q", q,
            [&] {
              const Tensor xt = normal({7, d}, run.key("points"), run.options()).requires_grad();
              return Values(grad(sum(law(k, k.c.detach()).noised(1, sigma).log_density(xt)), xt));
            })
      .equals("formula", q, [&] {
        return Values(law(k, k.c.detach()).noised(1, sigma).score(normal({7, d}, run.key("points"), run.options())));
      });
  auto losses = run.statement(name + "losses", "DSM, ESM, ISM and C2 in value" + in);
  losses.from("sum over noise", q, [&] { return values(exact()); });
  if (line) losses.equals("sum over densities", q, [&] { return joined({grid().dsm, grid().esm, grid().ism, grid().c2}); });
  losses.equals("Monte Carlo", q, [&] { return values(drawn()); });
  run.statement(name + "identity", "DSM − (ESM − C2 + C3) = 0 and ISM − (ESM − C2) = 0" + in)
      .from("zero", q,
            [] {
              return Values{0, 0};
            })
      .equals("sum over noise", q,
              [&] {
                const Decomposition& e = exact();
                return joined({e.residual.value, Values(e.ism.value) - e.esm.value + e.c2.value});
              })
      .equals("Monte Carlo", q, [&] {
        const Decomposition& e = drawn();
        return joined({e.residual.value, Values(e.ism.value).of(e) - e.esm.value + e.c2.value});
      });
  run.statement(name + "bound", "0 ≤ C2 ≤ C3" + in).from("C3", q, [&] { return Values(exact().c3.value); }).at_most("C2", [&] {
    return Values(exact().c2.value);
  });

  auto theorem1 = run.statement(name + "theta", "Theorem 1: ∇θ DSM = ∇θ ESM = ∇θ ISM for all weights of the network" + in);
  theorem1.from("DSM, sum over noise", q, [&] { return total(exact().dsm, "theta"); })
      .equals("ESM, sum over noise", q, [&] { return total(exact().esm, "theta"); })
      .equals("ISM, sum over noise", q, [&] { return total(exact().ism, "theta"); });
  if (line)
    theorem1.equals("DSM, sum over densities", q, [&] { return Values(grad(grid().dsm, theta)); })
        .equals("ESM, sum over densities", q, [&] { return Values(grad(grid().esm, theta)); })
        .equals("ISM, sum over densities", q, [&] { return Values(grad(grid().ism, theta, {.allow_unused = true})); });
  theorem1.equals("DSM, Monte Carlo", q, [&] { return total(drawn().dsm, "theta").of(drawn()); });

  auto net = run.statement(name + "net", "c in the network's argument: the same gradient" + in);
  net.from("DSM, sum over noise", q, [&] { return along(exact().dsm, "net"); })
      .equals("ESM, sum over noise", q, [&] { return along(exact().esm, "net"); })
      .equals("ISM, sum over noise", q, [&] { return along(exact().ism, "net"); });
  if (line)
    net.equals("DSM, sum over densities", q, [&] { return split(&OnGrid::dsm, "net"); }).equals("ESM, sum over densities", q, [&] {
      return split(&OnGrid::esm, "net");
    });

  auto dist = run.statement(name + "dist", "c in the law of x_t: DSM's gradient is ISM's, not ESM's" + in);
  dist.from("DSM, sum over noise", q, [&] { return along(exact().dsm, "dist"); }).equals("ISM, sum over noise", q, [&] {
    return along(exact().ism, "dist");
  });
  if (line)
    dist.equals("DSM, sum over densities", q, [&] { return split(&OnGrid::dsm, "dist"); }).equals("ISM, sum over densities", q, [&] {
      return split(&OnGrid::ism, "dist");
    });
  dist.equals("DSM, Monte Carlo", q, [&] { return along(drawn().dsm, "dist").of(drawn()); }).differs("ESM, sum over noise", [&] {
    return along(exact().esm, "dist");
  });

  auto esm_only = run.statement(name + "target", "ESM: c in the law of x_t, and c in the target" + in);
  esm_only.from("sum over noise", q, [&] { return joined({along(exact().esm, "dist"), along(exact().esm, "target")}); });
  if (line) esm_only.equals("sum over densities", q, [&] { return joined({split(&OnGrid::esm, "dist"), split(&OnGrid::esm, "target")}); });
  esm_only.equals("Monte Carlo", q, [&] { return joined({along(drawn().esm, "dist"), along(drawn().esm, "target")}).of(drawn()); });

  auto bias = run.statement(name + "bias", "Theorem 2: ∇c ESM − ∇c DSM = ∇c C2 ≠ 0" + in);
  bias.from("∇c C2, sum over noise", q, [&] { return total(exact().c2); }).equals("sum over noise", q, [&] {
    return total(exact().esm) - total(exact().dsm);
  });
  if (line)
    bias.equals("∇c C2, sum over densities", q, [&] { return Values(grad(grid().c2, k.c)); }).equals("sum over densities", q, [&] {
      return Values(grad(grid().esm, k.c)) - Values(grad(grid().dsm, k.c));
    });
  bias.equals("ESM − DSM by Monte Carlo", q, [&] { return total(drawn().esm).of(drawn()) - total(drawn().dsm).of(drawn()); })
      .differs("zero", [] {
        return Values{0, 0};
      });
  run.statement(name + "envelope", "∇c C2 = −(DSM's dist path at the exact score, frozen as a function of x_t)" + in)
      .from("∇c C2, sum over noise", q, [&] { return total(exact().c2); })
      .equals("frozen s*", q, [&] {
        const Mixture frozen = law(k, k.c).detached().noised(1, sigma);
        const auto exact_score = [&](const Tensor& xt, const Tensor&) { return frozen.score(xt); };
        DecomposeOptions only_c = exact_rule;
        only_c.wrt = {{"c", k.c}};
        only_c.trace = Trace::none;
        return -1 * along(decompose(exact_score, Generated{k.c, law(k, k.c)}, only_c).dsm, "dist");
      });
}

}  // namespace

void mixture(Run& run) {
  check(run, 1, quadrature::trapezoid(9, 0.1));
  check(run, 2, quadrature::trapezoid(9, 0.12));
}

}  // namespace scoregrad::verify
