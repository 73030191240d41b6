// A distribution that the library does not have, uniform between c - 1 and 2 exp(c), brought in four ways. All ask for the gradient of C2,
// by which denoising score matching is biased, and agree.
#include <scoregrad.h>

#include <fmt/format.h>

#include <cmath>
#include <numbers>
namespace sg = scoregrad;
namespace dist = sg::distributions;

const double root_half = std::sqrt(0.5);

// 1. A type of your own, where the noised law is known in closed form.
struct Uniform {
  sg::Tensor low, high;  // [1]

  int64_t dim() const { return 1; }
  sg::Tensor sample(int64_t n, const sg::Key& key) const { return low + (high - low) * sg::uniform({n, 1}, key, sg::like(low)); }
  Uniform mapped(const dist::Mapping& f) const { return {f(low), f(high)}; }  // every parameter, once

  // x_t is at u and v of the noise's deviations from the ends, and its density is (Phi(u) - Phi(v)) / (2 half).
  struct Noised {
    sg::Tensor middle, half, sigma;
    sg::Tensor score(const sg::Tensor& xt) const {
      const sg::Tensor u = (abs(xt - middle) + half) / sigma, v = (abs(xt - middle) - half) / sigma;
      const auto bell = [](const sg::Tensor& z) { return std::sqrt(2 / std::numbers::pi) * sg::exp(-0.5 * sg::square(z)); };
      const auto beyond = [](const sg::Tensor& z) { return sg::erfc(root_half * z); };
      return sg::sign(xt - middle) * (bell(u) - bell(v)) / (sigma * (beyond(v) - beyond(u)));
    }
  };
  Noised noised(const sg::Number& alpha, const sg::Number& sigma) const {
    const sg::Tensor a = alpha.like(low);
    return {a * 0.5 * (low + high), a * 0.5 * (high - low), sigma.like(low)};
  }
  // What an exact sum goes through instead of samples.
  dist::FiniteData nodes() const {
    return dist::push_forward([this](const sg::Tensor& z) { return at(z); }, 1, sg::like(low));
  }
  sg::Tensor at(const sg::Tensor& z) const { return low + (high - low) * (0.5 * sg::erfc(-root_half * z)); }
};

int main() {
  const sg::Options wide{sg::float64};
  const sg::Tensor c = sg::from({0.2}, wide).requires_grad();
  const Uniform law{c - 1, 2 * sg::exp(c)};
  const auto report = dist::check_distribution(law);  // is it what it says?
  fmt::print("check_distribution: {} comparisons, {}\n", report.comparisons.size(), report ? "all passed" : dist::to_string(report));

  const auto score = [](const sg::Tensor& xt, const sg::Tensor& at) { return -0.8 * xt + 0.3 * at; };  // your network
  const auto gradient = [&](const dist::AnyDistribution& p) {
    const auto found = sg::losses::decompose(score, sg::losses::Generated{c, p}, {.sigma = 0.4, .wrt = {{"c", c}}});
    return found.c2.gradient.at("c").total.mean[0].item();
  };
  const double own = gradient(law);
  fmt::print("d C2/dc  an own type             {:.6f}\n", own);

  // 2. A function of normals: the library goes through the nodes of a rule.
  const double pushed = gradient(dist::push_forward([&](const sg::Tensor& z) { return law.at(z); }, 1, wide));
  fmt::print("         push_forward            {:.6f}\n", pushed);

  // 3. A grid with weights, as finite data. This one has the middles of 200 equal parts.
  const sg::Tensor place = (sg::arange(0, 200, 1, wide) + 0.5) / 200;
  const double grid = gradient(dist::FiniteData{sg::unsqueeze(law.low + (law.high - law.low) * place, 1)});
  fmt::print("         a grid                  {:.6f}\n", grid);

  // 4. Samples alone. Neither the density nor the score is known, so C2 is estimated.
  const sg::losses::SampledGenerated samples{c, [&](int64_t n, const sg::Key& key) { return law.sample(n, key); }};
  const auto population = sg::losses::population(samples, {.alpha = 1, .sigma = 0.4});
  const sg::losses::estimate_c2::Cross estimate{256};
  double mean = 0, squares = 0;
  const int batches = 64;
  for (int i = 0; i < batches; ++i) {
    const sg::Key key = sg::Key(1).fold(i);
    const auto rows = population.draw(1024, key.fold("rows"));
    const double g = sg::grad(sg::mean(estimate(population, rows, key.fold("others"))), c).item();
    mean += g / batches, squares += g * g / batches;
  }
  const double error = std::sqrt((squares - mean * mean) / (batches - 1));
  fmt::print("         samples alone           {:.3f} +- {:.3f}\n", mean, error);

  const bool agree = std::abs(pushed - own) < 1e-8 && std::abs(grid - own) < 1e-4 && std::abs(mean - own) < 4 * error + 0.01;
  return report && agree ? 0 : 1;
}
