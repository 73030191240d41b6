#include "losses/score_matching.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "autograd/ops/random.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::losses;

namespace {
const Options f64{.dtype = float64};
const Tensor x = from({0.3, -1, 2, 0.5, -0.7, 0.1}, {3, 2}, f64), eps = from({1, 0.5, -0.3, 2, 0.2, -0.8}, {3, 2}, f64);
const Tensor w = from({-0.9, 0.4, 0.1, -0.5}, {2, 2}, f64), u = from({0.2, -0.1}, f64);
Tensor tracked_x() { return x.detach().requires_grad(); }
Tensor linear(const Tensor& at) { return matmul(at, transpose(w)) + u; }
// All 2^d sign vectors, each repeated over n rows.   [2^d, n, d]
Tensor all_signs(int64_t d, int64_t n) {
  std::vector<double> v;
  for (int64_t k = 0; k < (int64_t{1} << d); ++k)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < d; ++j) v.push_back((k >> j) & 1 ? 1 : -1);
  return from(v, {int64_t{1} << d, n, d}, f64);
}
}  // namespace

TEST_CASE("each loss is its formula, row by row, with its factor one half and its sign") {
  const std::vector<double> s = linear(x).to_vector<double>(), e = eps.to_vector<double>();
  std::vector<double> explicit_, denoising_, implicit_, energy, noise;
  for (size_t i = 0; i < 6; i += 2) {
    const auto half = [](double a, double b) { return 0.5 * (a * a + b * b); };
    explicit_.push_back(half(s[i] - e[i], s[i + 1] - e[i + 1]));
    denoising_.push_back(half(s[i] + e[i] / 0.5, s[i + 1] + e[i + 1] / 0.5));
    implicit_.push_back(half(s[i], s[i + 1]) + (-0.9 - 0.5));
    energy.push_back(half(s[i], s[i + 1]));
    noise.push_back(half(e[i], e[i + 1]) / 0.25);
  }
  CHECK(apart(esm(linear(x), eps), from(explicit_, f64)) < 1e-15);
  CHECK(apart(dsm(linear(x), eps, 0.5), from(denoising_, f64)) < 1e-15);
  CHECK(apart(c2(linear(x)), from(energy, f64)) < 1e-15);
  CHECK(apart(c3(eps, 0.5), from(noise, f64)) < 1e-15);
  const Tensor at = tracked_x();
  CHECK(apart(ism(linear(at), at).detach(), from(implicit_, f64)) < 1e-15);
}

TEST_CASE("a noise level for each row is each row's own") {
  const Tensor s = linear(x), each = dsm(s, eps, from({0.5, 1, 2}, f64));
  CHECK(apart(select(each, 0, 2), select(dsm(s, eps, 2), 0, 2)) < 1e-15);
  CHECK(apart(select(each, 0, 0), select(dsm(s, eps, 0.5), 0, 0)) < 1e-15);
}

TEST_CASE("the divergence of a network is the trace of central differences, and is itself differentiable") {
  const nn::MLP net({2, 6, 2}, nn::tanh, Key(3), f64);
  const Tensor at = tracked_x(), div = divergence(net(at), at);
  const double h = 1e-5;
  Tensor want = zeros({3}, f64);
  {
    const NoGrad guard;
    for (int64_t i = 0; i < 2; ++i) {
      const Tensor step = h * select(eye(2, f64), 0, i);
      want = want + select(net(x + step) - net(x - step), 1, i) / (2 * h);
    }
  }
  CHECK(apart(div.detach(), want) < 1e-9);
  const Tensor p = net.layers[0].weight, g = grad(sum(div), p);
  const Tensor direction = normal(p.shape(), Key(4), f64), before = clone(p).detach();
  const auto at_weight = [&](double t) {
    {
      const NoGrad guard;
      copy_(p, before + t * direction);
    }
    const Tensor y = tracked_x();
    return sum(divergence(net(y), y)).item();
  };
  CHECK(apart((at_weight(h) - at_weight(-h)) / (2 * h), sum(g * direction).item()) < 1e-8);
}

TEST_CASE("sliced score matching over all sign vectors is the implicit loss exactly, in value and gradient") {
  const nn::MLP net({2, 6, 2}, nn::silu, Key(5), f64);
  const Tensors p = nn::parameters(net);
  const Tensor at = tracked_x(), s = net(at), v = all_signs(2, 3);
  const Tensor exact = ism(s, at), projected = ssm(s, at, v), reduced = ssm_vr(s, at, v);
  CHECK(apart(projected.detach(), exact.detach()) < 1e-14);
  CHECK(apart(reduced.detach(), exact.detach()) < 1e-14);
  const Tensors a = grad(sum(exact), p, {.allow_unused = true}), b = grad(sum(projected), p, {.allow_unused = true});
  for (size_t i = 0; i < p.size(); ++i) CHECK(apart(b[i], a[i]) < 1e-13);
  // One direction alone is not: the identity is about the average.
  CHECK(apart(ssm(s, at, select(v, 0, 0)).detach(), exact.detach()) > 1e-3);
}

TEST_CASE("directions whose second moment is not the identity miss the implicit loss") {
  const Tensor at = tracked_x(), s = linear(at), v = abs(all_signs(2, 3)) / std::sqrt(2.0);  // E v v' has ones off the diagonal, halved
  CHECK(apart(ssm_vr(s, at, v).detach(), ism(s, at).detach()) > 0.1);
}

TEST_CASE("a score that was not computed from a tracked x_t is refused, with the remedy") {
  try {
    ism(linear(x), x);
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("xt.requires_grad()") != std::string::npos);
  }
  const Tensor at = tracked_x();
  CHECK_THROWS_AS(ism(narrow(linear(at), 1, 0, 1), at), Error);
  CHECK_THROWS_AS(ssm(linear(at), at, ones({3, 3}, f64)), Error);
}

TEST_CASE("a constant score has divergence zero") {
  const Tensor at = tracked_x();
  CHECK(apart(divergence(broadcast_to(u, {3, 2}), at), zeros({3}, f64)) == 0);
}

TEST_CASE("distillation drops the score's own derivative") {
  const Tensor psi = scalar(0.4, f64).requires_grad();
  const Tensor xt = psi * x + 0.5 * eps;
  const Tensor s = linear(xt), target = -xt;
  const Tensor by_sds = grad(sum(sds(s, eps, 0.5, xt)), psi), by_vsd = grad(sum(vsd(s, target, xt)), psi);
  CHECK(apart(by_sds.item(), -sum((s + eps / 0.5) * x).item()) < 1e-14);
  CHECK(apart(by_vsd.item(), -sum((s - target) * x).item()) < 1e-14);
}
