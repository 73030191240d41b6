#include "losses/parametrisation.h"

#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::losses;

namespace {
const Options f64{.dtype = float64};
const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64), eps = from({1, 0.5, -0.3, 2, 0.2, -0.8}, {3, 2}, f64);
const Tensor s = from({-0.4, 0.2, 1.1, -0.6, 0.9, -2.0}, {3, 2}, f64);
constexpr Predicts parametrisations[] = {Predicts::score, Predicts::eps, Predicts::x0, Predicts::v};
}  // namespace

TEST_CASE("every parametrisation's loss is its factor times the denoising loss of the same score") {
  const double alpha = 0.8, sigma = 0.7;  // not variance preserving: the factors are the general ones
  const Tensor xt = alpha * x + sigma * eps;
  for (Predicts what : parametrisations) {
    const Tensor p = prediction(what, s, xt, {alpha, sigma});
    CHECK(apart(denoising(what, p, x, eps, {alpha, sigma}), factor(what, alpha, sigma) * dsm(s, eps, sigma)) < 1e-14);
    CHECK(apart(score_from(what, p, xt, {alpha, sigma}), s) < 1e-14);
  }
}

TEST_CASE("the perfect prediction has loss zero") {
  const double alpha = 0.6, sigma = 0.8;
  const Tensor xt = alpha * x + sigma * eps;
  for (Predicts what : parametrisations)
    CHECK(apart(denoising(what, prediction(what, -(eps / sigma), xt, {alpha, sigma}), x, eps, {alpha, sigma}), zeros({3}, f64)) < 1e-14);
}

TEST_CASE("levels may differ from row to row") {
  const Tensor a = from({0.9, 0.8, 0.5}, f64), sg = from({0.3, 0.6, 1.2}, f64), xt = unsqueeze(a, 1) * x + unsqueeze(sg, 1) * eps;
  const Tensor p = prediction(Predicts::v, s, xt, {a, sg}), loss = denoising(Predicts::v, p, x, eps, {a, sg});
  CHECK(apart(select(loss, 0, 1).item(), factor(Predicts::v, 0.8, 0.6) * select(dsm(s, eps, 0.6), 0, 1).item()) < 1e-14);
}
