// Where DSM has no bias, shown to be zero; what a detached target does; and where the theorem's assumptions fail.
#include <cmath>

#include "examples/verify/families.h"

namespace scoregrad::verify {
namespace {

using namespace distributions;
using namespace losses;

constexpr double sigma = 0.7;

// x | c ~ N(a c + b, (l0 + l1 c)^2) and s = w x_t + v c + u, all in one dimension.
constexpr double a = 0.9, b = 0.2, l0 = 0.8, l1 = 0.3, w = -0.6, v = 0.4, u = 0.1, c0 = 0.5;

Gaussian law(const Tensor& c) { return {a * c + b, reshape(l0 + l1 * c, {1, 1})}; }
Tensor model(const Tensor& xt, const Tensor& c) { return w * xt + v * c + u; }
Values total(const Term& t, const char* group = "c") { return Values(t.gradient.at(group).total); }
Values along(const Term& t, const char* path) { return Values(t.gradient.at("c").along(path)); }

void no_bias(Run& run) {
  const Kind q = Kind::quadrature;
  const Tensor c = from({c0}, run.options()).requires_grad();
  const auto says = [&](const std::string& name, const std::string& text, const auto& found, const char* group) {
    run.statement("unbiased/" + name, text)
        .from("∇ESM", q, [&, group] { return total(found().esm, group); })
        .equals("∇DSM", q, [&, group] { return total(found().dsm, group); })
        .equals("∇ESM + ∇C2", q, [&, group] { return total(found().esm, group) + total(found().c2, group); })
        .differs("zero", [&, group] { return 0 * total(found().esm, group); });
  };
  const DecomposeOptions for_c{.sigma = sigma, .rule = quadrature::gauss_hermite(4), .wrt = {{"c", c}}, .trace = Trace::none};
  const auto free = once([&] { return decompose(model, FreeCondition{c, law(from({0.3}, run.options()))}, for_c); });
  says("free", "a free condition of fixed data (textual inversion): no bias", free, "c");
  const auto location = once([&] { return decompose(model, Generated{c, Gaussian{a * c + b, full({1, 1}, l0, run.options())}}, for_c); });
  says("location", "a location family, where c moves the law without changing its form: no bias", location, "c");

  const Tensor gain = from({0.8, 0.3}, run.options()).requires_grad();
  const auto encode = [&](const Tensor& x) { return select(gain, 0, 0) * x + select(gain, 0, 1) * tanh(x); };
  const auto score = [](const Tensor& xt, const Tensor& code) { return -0.7 * xt + tanh(0.5 * xt + 1.2 * code); };
  const DecomposeOptions for_phi{
      .sigma = sigma, .rule = quadrature::trapezoid(9, 0.25), .wrt = {{"phi", gain}}, .trace = Trace::none, .progress = run.watcher()};
  const FiniteData many{from({-1.1, -0.2, 0.4, 1.3}, {4, 1}, run.options())}, single{from({0.7}, {1, 1}, run.options())};
  const auto injective = once([&] { return decompose(score, NoisyEncoder{many, encode, 0.0}, for_phi); });
  says("injective", "a code without noise that tells all data apart: no bias", injective, "phi");
  const auto one = once([&] { return decompose(score, NoisyEncoder{single, encode, 0.5}, for_phi); });
  says("single", "a single datum: no bias", one, "phi");
  run.statement("unbiased/sufficient", "there C2 = C3, its largest possible value: x is known from c")
      .from("C3", q,
            [] {
              return Values{0.5 / (sigma * sigma), 0.5 / (sigma * sigma)};
            })
      .equals("C2, injective code and single datum", q, [&] {
        return joined({injective().c2.value, one().c2.value});
      });
}

// The gradient of ESM for c where the target does not follow c: as a function of x_t, or not even x_t.
Tensor detached_gradient(const Run& run, const Tensor& c, bool number) {
  const auto nodes = quadrature::product(quadrature::gauss_hermite(4), 1, run.options());
  const Tensor xt = law(c).noised(1, sigma).at(nodes.z), target = law(c).detached().noised(1, sigma).score(xt);
  return grad(sum(nodes.weights * esm(model(xt, broadcast_to(c, xt.shape())), number ? target.detach() : target)), c);
}

void detached(Run& run) {
  const Kind exactly = Kind::closed_form;
  const Tensor c = from({c0}, run.options()).requires_grad();
  const DecomposeOptions options{.sigma = sigma, .rule = quadrature::gauss_hermite(4), .wrt = {{"c", c}}, .trace = Trace::none};
  const auto exact = once([&] { return decompose(model, Generated{c, law(c)}, options); });
  run.statement("unbiased/detached", "a detached target gives a third gradient, ESM's net and dist paths: neither ESM's nor DSM's")
      .from("net + dist", exactly, [&] { return along(exact().esm, "net") + along(exact().esm, "dist"); })
      .equals("autodiff, s* frozen as a function of x_t", exactly, [=, &run] { return Values(detached_gradient(run, c, false)); })
      .differs("s* frozen as a number", [=, &run] { return Values(detached_gradient(run, c, true)); })
      .differs("∇ESM", [&] { return total(exact().esm); })
      .differs("∇DSM", [&] { return total(exact().dsm); });

  const auto best = once([&] {
    const auto exact_score = [&](const Tensor& xt, const Tensor& code) {
      return -((xt - a * code - b) / (square(l0 + l1 * code) + sigma * sigma));
    };
    return decompose(exact_score, Generated{c, law(c)}, options);
  });
  run.statement("unbiased/optimum", "at s = s* every path of ESM vanishes by itself, and ∇DSM = −∇C2 remains")
      .from("0, 0, 0, −∇C2", exactly,
            [&] {
              const double s2 = (l0 + l1 * c0) * (l0 + l1 * c0) + sigma * sigma;
              return Values{0, 0, 0, l1 * (l0 + l1 * c0) / (s2 * s2)};
            })
      .equals("ESM's net, dist and target, ∇DSM", exactly, [&] {
        return joined({along(best().esm, "net"), along(best().esm, "dist"), along(best().esm, "target"), total(best().dsm)});
      });
}

void failing_assumptions(Run& run) {
  const Kind exactly = Kind::closed_form;
  const double h = 0.4;
  const Tensor c = from({c0}, run.options()).requires_grad();
  DecomposeOptions options{.rule = quadrature::gauss_hermite(4), .wrt = {{"c", c}}, .trace = Trace::none, .progress = run.watcher()};
  const auto with_level = [&](int64_t samples) {
    options.sigma = Number(sigma * exp(h * select(c, 0, 0)));  // sigma(c) = sigma e^(h c)
    options.samples = samples;
    options.block = run.block();
    return decompose(model, Generated{c, law(c)}, options, run.key("sigma of c"));
  };
  const auto exact = once([&] { return with_level(0); });
  const auto drawn = once([&] { return with_level(run.samples() / 4); });
  run.statement("unbiased/sigma-of-c", "a noise level σ(c) = σ exp(h c): ∇C3 = −(d/σ(c)²) h is not zero")
      .from("formula", exactly, [&] { return Values(-h / (sigma * sigma * std::exp(2 * h * c0))); })
      .equals("quadrature", exactly, [&] { return total(exact().c3); })
      .equals("Monte Carlo", exactly, [&] { return total(drawn().c3).of(drawn()); })
      .differs("zero", [] { return Values(0.0); });
  run.statement("unbiased/sigma-identity", "there ∇DSM = ∇ESM − ∇C2 + ∇C3, and without ∇C3 it fails")
      .from("∇DSM", exactly, [&] { return total(exact().dsm); })
      .equals("∇ESM − ∇C2 + ∇C3", exactly, [&] { return total(exact().esm) - total(exact().c2) + total(exact().c3); })
      .differs("∇ESM − ∇C2", [&] { return total(exact().esm) - total(exact().c2); });

  // x_t = x + sigma eps + k c, but the target is still -(x_t - x)/sigma^2, the score of q(x_t | x) and not of q(x_t | x, c).
  const double k = 0.5;
  const auto residual = once([&] {
    const auto nodes = quadrature::product(quadrature::gauss_hermite(4), 2, run.options());
    const Tensor x = law(c).at(slice_axis(nodes.z, 1, 0, 1)), xt = x + sigma * slice_axis(nodes.z, 1, 1, 2) + k * c;
    const Tensor s = model(xt, broadcast_to(c, xt.shape())), t = (x - xt) / (sigma * sigma);
    const Gaussian clean = law(c).noised(1, sigma);
    const Tensor target = Gaussian{clean.mean + k * c, clean.factor}.score(xt);
    const auto mean_of = [&](const Tensor& per_row) { return sum(nodes.weights * per_row); };
    const Tensor left = mean_of(losses::esm(s, t)) - (mean_of(losses::esm(s, target)) - mean_of(c2(target)) + mean_of(c2(t)));
    return joined({left, grad(left, c)});
  });
  run.statement("unbiased/not-a-chain",
                "x_t = x + σε + kc with the target −(x_t − x)/σ²: DSM − (ESM − C2 + C3) = E[s] k c/σ², and its gradient")
      .from("formula", exactly,
            [&] {
              const double mean_s = w * (a * c0 + b + k * c0) + v * c0 + u;
              return Values{mean_s * k * c0 / (sigma * sigma), k / (sigma * sigma) * (mean_s + c0 * (w * (a + k) + v))};
            })
      .equals("autodiff and quadrature", exactly, [&] { return residual(); })
      .differs("zero, which the theorem would give", [] {
        return Values{0, 0};
      });
}

}  // namespace

void unbiased(Run& run) {
  no_bias(run);
  detached(run);
  failing_assumptions(run);
}

}  // namespace scoregrad::verify
