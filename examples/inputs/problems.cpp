#include <cmath>

#include "autograd/graph/gradient.h"
#include "examples/inputs/descent.h"
#include "losses/closed_form.h"
#include "losses/score_matching.h"

namespace scoregrad::inputs {
namespace {

using namespace distributions;
using namespace losses;
using namespace losses::estimate_c2;

constexpr int64_t batch = 128;

// A critic learns s* of the present law by DSM along with what changes the law: three steps a step. It is affine, as s* is here, but knows
// nothing else.
struct LearningCritic {
  Tensors psi;
  double rate;
  std::function<Tensor(const Tensors& psi, const Tensor& xt, const Tensor& c)> form;

  ConditionalScore score() const {
    return [f = form, p = psi](const Tensor& xt, const Tensor& c) {
      Tensors fixed;
      for (const Tensor& t : p) fixed.push_back(t.detach());
      return f(fixed, xt, c);
    };
  }
  void learn(const Population& p, const Key& key) const {
    for (int i = 0; i < 3; ++i) {
      const Rows rows = p.draw(batch, key.fold(i));
      const Tensor c = rows.c.defined() ? rows.c.detach() : rows.c;
      const Tensor loss = mean(dsm(form(psi, rows.xt.detach(), c), rows.eps, rows.level.sigma));
      const Tensors g = grad(loss, psi);
      const NoGrad guard;
      for (size_t k = 0; k < psi.size(); ++k) add_(psi[k], -rate * g[k]);
    }
  }
};

// DSM, DSM with a penalty, and DSM corrected by each estimator. `samples` is a population that knows samples only, `known` one that knows
// its law.
std::vector<Objective> all_objectives(const ConditionalScore& s, const std::function<Population()>& known,
                                      const std::function<Population()>& samples, const LearningCritic& critic, double width) {
  const auto with = [=](const std::function<Population()>& population, const C2Estimator& estimator) {
    return [=](const Key& key) {
      const Population p = population();
      const Rows rows = p.draw(batch, key.fold("rows"));
      return mean(corrected(s(rows.xt, rows.c), rows, estimator(p, rows, key.fold("inner"))));
    };
  };
  const auto multilevel = [=](const Population& p, const Rows& rows, const Key& key) {
    return Multilevel{.rate = 1.3, .most_levels = 8}(posterior_centred(p, critic.score(), width), rows, key);
  };
  const auto learn = [=](const Key& key) { critic.learn(known(), key); };
  const auto by_critic = [=](const Population& p, const Rows& rows, const Key& key) { return Critic{critic.score()}(p, rows, key); };
  const auto plain = [=](double lambda) {
    return [=](const Key& key) {
      const Rows rows = known().draw(batch, key.fold("rows"));
      const Tensor at = s(rows.xt, rows.c);
      return mean(dsm(at, rows.eps, rows.level.sigma) + score_norm(at, lambda));
    };
  };
  const auto explicitly = [=](const Key& key) {
    const Population p = known();
    const Rows rows = p.draw(batch, key.fold("rows"));
    return mean(esm(s(rows.xt, rows.c), p.score(rows)));
  };
  return {{"DSM", plain(0)},
          {"DSM + ½|s|²", plain(1)},
          {"ESM", explicitly},
          {"corrected, exact", with(known, Exact{})},
          {"corrected, pair", with(known, Pair{})},
          {"corrected, learning critic", with(known, by_critic), learn},
          {"corrected, leave-one-out 64", with(samples, LeaveOneOut{64})},
          {"corrected, leave-one-in 64", with(samples, LeaveOneIn{64})},
          {"corrected, cross 64", with(samples, Cross{64})},
          {"corrected, half-jackknife 64", with(samples, HalfJackknife{64})},
          {"corrected, multilevel near x_t", with(known, multilevel), learn}};
}

Tensor leaf(const Shape& shape, double value, Options o) { return full(shape, value, o).requires_grad(); }

closed_form::Encoder by_hand(double gain) {
  const Options o{.dtype = float64};
  const auto one = [&](double x) { return full({1, 1}, x, o); };
  return closed_form::encoder({one(-0.6), one(0.4), zeros({1}, o)}, one(1), one(gain), 0.5, 1, 0.7);
}

}  // namespace

Problem input_law(int64_t d, Options o) {
  const double w = 0.8, sigma = 0.5, start = 0.7;
  const Tensor mean_ = leaf({d}, 0, o), deviation = leaf({d}, start, o);
  const auto law = [=] { return Gaussian::diagonal(mean_, deviation); };
  const auto known = [=] { return population(InputDistribution{law()}, {1, sigma}); };
  const auto samples = [=] {
    return population(SampledGenerated{{},
                                       [=](int64_t n, const Key& key) {
                                         return mean_ + deviation * normal({n, d}, key, o);
                                       }},
                      {1, sigma});
  };
  const auto objectives = [=] {
    const LearningCritic critic{{leaf({d}, 0, o), leaf({d}, 0.3, o)}, 0.15, [](const Tensors& p, const Tensor& xt, const Tensor&) {
                                  return -exp(p[1]) * xt + p[0];
                                }};
    return all_objectives([=](const Tensor& xt, const Tensor&) { return -w * (xt - 1); }, known, samples, critic,
                          1 + 0.3 / static_cast<double>(d));
  };
  // Each coordinate: 1/2 [w^2 (mean - 1)^2 + S (1/S - w)^2], S = deviation^2 + sigma^2.
  const double s = start * start + sigma * sigma;
  std::vector<double> esm(static_cast<size_t>(d), -w * w);
  esm.resize(2 * esm.size(), start * (w * w - 1 / (s * s)));
  const auto away = [=] {
    const NoGrad guard;
    return std::sqrt(mean(square(mean_ - 1) + square(deviation - 1)).item());
  };
  const auto norm_ = [=] {
    const NoGrad guard;
    return 0.5 * mean(1 / (square(deviation) + sigma * sigma)).item();
  };
  return {{mean_, deviation}, objectives, esm, away, norm_};
}

double encoder_optimum(Options) {
  double low = 0, high = 1.5;  // ESM's slope rises from below zero
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (by_hand(middle).esm().item() < 0 ? low : high) = middle;
  }
  return low;
}

Problem encoder(int64_t d, Options o) {
  const double tau = 0.5, sigma = 0.7, start = 0.8;
  const Tensor gain = leaf({}, start, o);
  const auto known = [=] { return population(LinearEncoder{Gaussian::standard(d, o), gain, tau}, {1, sigma}); };
  const auto samples = [=] {
    return population(SampledEncoder{[=](int64_t n, const Key& key) {
                                       return normal({n, d}, key, o);
                                     },
                                     [=](const Tensor& x) { return gain * x; }, tau},
                      {1, sigma});
  };
  const auto objectives = [=] {
    const LearningCritic critic{{leaf({}, -0.8, o), leaf({}, 0.3, o)},
                                0.15 / static_cast<double>(d),
                                [](const Tensors& p, const Tensor& xt, const Tensor& c) { return p[0] * xt + p[1] * c; }};
    return all_objectives([](const Tensor& xt, const Tensor& c) { return -0.6 * xt + 0.4 * c; }, known, samples, critic,
                          1 + 0.3 / static_cast<double>(d));
  };
  const double best = encoder_optimum(o), dims = static_cast<double>(d);
  return {{gain},
          objectives,
          {dims * by_hand(start).esm().item()},
          [=] { return std::abs(gain.item() - best); },
          [=] { return by_hand(gain.item()).value.c2.item(); }};
}

}  // namespace scoregrad::inputs
