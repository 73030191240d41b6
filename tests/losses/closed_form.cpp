// The hand-written formulas against the exact sums of `decompose`, which know nothing of them, and against hand arithmetic.
#include "losses/closed_form.h"

#include <cmath>

#include "autograd/ops/random.h"
#include "losses/decomposition.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
namespace cf = scoregrad::losses::closed_form;
using losses::decompose;
using losses::Decomposition;
using losses::Term;

namespace {

const Options f64{.dtype = float64};
const quadrature::Rule three = quadrature::gauss_hermite(3);  // exact here: everything is quadratic

Tensor random(const Shape& s, const char* name) { return 0.5 * normal(s, Key(23).fold(name), f64); }
Tensor total(const Term& t, const char* name, size_t i = 0) { return t.gradient.at(name).total.mean[i]; }
Tensor along(const Term& t, const char* name, const char* path) { return t.gradient.at(name).along(path).mean[0]; }

void check_values(const Decomposition& d, const cf::Values& v) {
  CHECK(apart(d.dsm.value.mean, v.dsm.item()) < 1e-12);
  CHECK(apart(d.esm.value.mean, v.esm.item()) < 1e-12);
  CHECK(apart(d.ism.value.mean, v.ism.item()) < 1e-12);
  CHECK(apart(d.c2.value.mean, v.c2.item()) < 1e-12);
  CHECK(apart(d.c3.value.mean, v.c3.item()) < 1e-12);
  CHECK(apart(v.dsm.item(), (v.esm - v.c2 + v.c3).item()) < 1e-13);
}
void check_theta(const Decomposition& d, const cf::Shared& theta) {
  for (const Term* t : {&d.dsm, &d.esm, &d.ism}) {
    CHECK(apart(total(*t, "theta", 0), theta.w) < 1e-12);
    CHECK(apart(total(*t, "theta", 1), theta.v) < 1e-12);
    CHECK(apart(total(*t, "theta", 2), theta.u) < 1e-12);
  }
}

}  // namespace

TEST_CASE("generated linear-Gaussian data: every formula, value and path, against the exact sum") {
  const double alpha = 0.8, sigma = 0.6;
  const int64_t d = 3, m = 2;
  const Tensor w = random({d, d}, "w").requires_grad(), v = random({d, m}, "v").requires_grad(), u = random({d}, "u").requires_grad();
  const Tensor a = random({d, m}, "a"), b = random({d}, "b"), c = random({m}, "c").requires_grad();
  const Tensor l0 = random({d, d}, "l0") + eye(d, f64), lk = random({m, d, d}, "lk");
  const Tensor factor = l0 + sum(reshape(c, {m, 1, 1}) * lk, {0});
  const auto score = [&](const Tensor& xt, const Tensor& at) { return matmul(xt, transpose(w)) + matmul(at, transpose(v)) + u; };
  const Decomposition got = decompose(score, losses::Generated{c, Gaussian{matmul(a, c) + b, factor}},
                                      {.sigma = sigma, .alpha = alpha, .rule = three, .wrt = {{"c", c}, {"theta", Tensors{w, v, u}}}});
  const NoGrad guard;
  const Tensor half = matmul(lk, transpose(factor));
  const cf::Generated want = cf::generated({w, v, u}, {a, b, c, matmul(factor, transpose(factor)), half + transpose(half)}, alpha, sigma);
  check_values(got, want.value);
  check_theta(got, want.theta);
  CHECK(apart(along(got.dsm, "c", "net"), want.net) < 1e-12);
  CHECK(apart(along(got.esm, "c", "net"), want.net) < 1e-12);
  CHECK(apart(along(got.dsm, "c", "dist"), want.dsm_dist) < 1e-12);
  CHECK(apart(along(got.ism, "c", "dist"), want.dsm_dist) < 1e-12);
  CHECK(apart(along(got.esm, "c", "dist"), want.esm_dist) < 1e-12);
  CHECK(apart(along(got.esm, "c", "target"), want.esm_target) < 1e-12);
  CHECK(apart(total(got.dsm, "c"), want.dsm()) < 1e-12);
  CHECK(apart(total(got.esm, "c"), want.esm()) < 1e-12);
  CHECK(apart(total(got.c2, "c"), want.c2) < 1e-12);
  CHECK(apart(want.esm() - want.dsm(), want.c2) < 1e-13);  // an identity among the formulas: three of them were derived apart
}

TEST_CASE("a Gaussian encoder: every formula, value and path, against the exact sum") {
  const double alpha = 0.9, sigma = 0.6, tau = 0.5;
  const int64_t d = 3, m = 2;
  const Tensor w = random({d, d}, "w").requires_grad(), v = random({d, m}, "v").requires_grad(), u = random({d}, "u").requires_grad();
  const Tensor phi = random({m, d}, "phi").requires_grad(), root = random({d, d}, "root") + eye(d, f64);
  const auto score = [&](const Tensor& xt, const Tensor& at) { return matmul(xt, transpose(w)) + matmul(at, transpose(v)) + u; };
  const LinearEncoder q{.data = {zeros({d}, f64), root}, .gain = phi, .tau = tau};
  const Decomposition got = decompose(
      score, q, {.sigma = sigma, .alpha = alpha, .rule = quadrature::gauss_hermite(2), .wrt = {{"phi", phi}, {"theta", Tensors{w, v, u}}}});
  const NoGrad guard;
  const cf::Encoder want = cf::encoder({w, v, u}, matmul(root, transpose(root)), phi, tau, alpha, sigma);
  check_values(got, want.value);
  check_theta(got, want.theta);
  CHECK(apart(total(got.dsm, "phi"), want.dsm) < 1e-12);
  CHECK(apart(total(got.ism, "phi"), want.dsm) < 1e-12);
  CHECK(apart(total(got.c2, "phi"), want.c2) < 1e-12);
  CHECK(apart(total(got.esm, "phi"), want.esm()) < 1e-12);
  CHECK(apart(along(got.esm, "phi", "net"), want.esm_net) < 1e-12);
  CHECK(apart(along(got.esm, "phi", "target_c"), want.esm_target_c) < 1e-12);
  CHECK(apart(along(got.esm, "phi", "target_w"), want.esm_target_w) < 1e-12);
  CHECK(apart(want.esm_net, want.dsm) > 1e-3);
}

TEST_CASE("an encoder where DSM and ESM pull in opposite directions") {
  // x ~ N(0, 1), c = phi x + tau eta and s = w x_t + v c: DSM's slope is v (w + v phi), that of C2 is always positive.
  const Tensor one = ones({1, 1}, f64), phi = full({1, 1}, 0.8, f64);
  const cf::Encoder e = cf::encoder({-0.8 * one, 0.5 * one, zeros({1}, f64)}, one, phi, 0.5, 1, 0.7);
  const double p = 0.25 / (0.64 + 0.25), s = p + 0.49;
  CHECK(apart(e.dsm.item(), 0.5 * (-0.8 + 0.5 * 0.8)) < 1e-14);
  CHECK(apart(e.c2.item(), 0.8 / 0.25 * p * p / (s * s)) < 1e-14);
  CHECK(e.dsm.item() < 0);
  CHECK(e.esm().item() > 0);
}

TEST_CASE("a law optimised under a frozen score: every formula against the exact sum") {
  const double alpha = 0.8, sigma = 0.6;
  const int64_t d = 3;
  const Tensor w = random({d, d}, "w"), u = random({d}, "u"), symmetric = w + transpose(w);
  const Tensor mean = random({d}, "m").requires_grad(), factor = (random({d, d}, "f") + eye(d, f64)).requires_grad();
  const losses::Score score = [&](const Tensor& xt) { return matmul(xt, symmetric) + u; };
  const Decomposition got = decompose(score, losses::InputDistribution{Gaussian{mean, factor}},
                                      {.sigma = sigma, .alpha = alpha, .rule = three, .wrt = {{"m", mean}, {"L", factor}}});
  const NoGrad guard;
  const cf::Frozen want = cf::frozen({symmetric, {}, u}, mean, factor, alpha, sigma);
  check_values(got, want.value);
  const auto check = [&](const Term& t, const cf::GaussianGradient& p) {
    CHECK(apart(total(t, "m"), p.mean) < 1e-12);
    CHECK(apart(total(t, "L"), p.factor) < 1e-12);
  };
  check(got.dsm, want.dsm);
  check(got.ism, want.dsm);
  check(got.esm, want.esm);
  check(got.c2, want.c2);
  check(got.sds, want.sds);
  check(got.vsd, want.vsd);
  CHECK(apart(along(got.esm, "m", "dist"), want.esm_detached.mean) < 1e-12);
  CHECK(apart(along(got.esm, "L", "dist"), want.esm_detached.factor) < 1e-12);
}
