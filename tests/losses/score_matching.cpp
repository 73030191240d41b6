#include "losses/score_matching.h"

#include <cmath>

#include "autograd/graph/jacobian.h"
#include "autograd/ops/random.h"
#include "distributions/quadrature.h"
#include "losses/parametrisation.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"

using namespace scoregrad;
using namespace scoregrad::distributions;
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
  const Tensor at = tracked_x(), div = divergence(net(at), at, {.create_graph = true});
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
  CHECK_THROWS_AS(ism(slice_axis(linear(at), 1, 0, 1), at), Error);
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

TEST_CASE("a noise level that is not positive and finite is refused") {
  const Tensor s = linear(x);
  for (double sigma : {0.0, -0.5, std::nan(""), HUGE_VAL}) {
    CHECK_THROWS_AS(dsm(s, eps, sigma), Error);
    CHECK_THROWS_AS(c3(eps, sigma), Error);
    CHECK_THROWS_AS(sds(s, eps, sigma, x), Error);
  }
}

TEST_CASE("finite-difference score matching is sliced score matching: exactly for a linear score, to second order in the step else") {
  const Tensor v = select(all_signs(2, 3), 0, 1), at = tracked_x();
  const auto density = [](const Tensor& y) { return 0.5 * dot(y, matmul(y, transpose(0.5 * (w + transpose(w))))) + dot(y, u); };
  const Tensor symmetric = 0.5 * (w + transpose(w));
  const Tensor exact = ssm(matmul(at, symmetric) + u, at, v).detach();
  CHECK(apart(fd_ssm([&](const Tensor& y) { return matmul(y, symmetric) + u; }, x, v, 0.3), exact) < 1e-13);
  CHECK(apart(fd_ssm_energy(density, x, v, 0.3), exact) < 1e-12);
  const nn::MLP net({2, 6, 2}, nn::tanh, Key(3), f64);
  const Tensor sliced_ = ssm(net(at), at, v).detach();
  const auto error = [&](double h) { return norm(fd_ssm([&](const Tensor& y) { return net(y); }, x, v, h) - sliced_).item(); };
  CHECK(error(0.02) < 1e-3);
  CHECK(std::abs(error(0.04) / error(0.02) - 4) < 0.1);
  const nn::MLP energy({2, 6, 1}, nn::tanh, Key(4), f64);
  const auto l = [&](const Tensor& y) { return select(energy(y), 1, 0); };
  const Tensor from_density = grad(sum(l(at)), at, {.create_graph = true});
  const Tensor want = ssm(from_density, at, v).detach();
  const auto energy_error = [&](double h) { return norm(fd_ssm_energy(l, x, v, h) - want).item(); };
  CHECK(std::abs(energy_error(0.08) / energy_error(0.04) - 4) < 0.1);
  // Its gradient in the parameters needs no second derivative and agrees to the same order.
  const Tensors p = nn::parameters(net);
  const Tensors by_steps = grad(sum(fd_ssm([&](const Tensor&y) { return net(y); }, x, v, 1e-3)), p),
                by_slices = grad(sum(ssm(net(at), at, v)), p, {.allow_unused = true});
  for (size_t i = 0; i < p.size(); ++i) CHECK(apart(by_steps[i], by_slices[i]) < 1e-5);
  CHECK_THROWS_AS(fd_ssm([](const Tensor& y) { return y; }, x, v, 0), Error);
  CHECK_THROWS_AS(fd_ssm([](const Tensor& y) { return y; }, x, ones({3}, f64), 0.1), Error);
}

TEST_CASE("distillation of a Gaussian: with the network path the gradient of DSM, without it the cross-entropy's, of a point RED-Diff's") {
  // x = m + r z, model N(0, v): s = -x_t / (v + sigma^2). Expectations over z and eps exactly.
  const double v = 1.3, sigma = 0.6, m0 = 0.7, r0 = 0.5, w1 = 1 / (v + sigma * sigma);
  const quadrature::Nodes nodes = quadrature::product(quadrature::gauss_hermite(4), 2, f64);
  const Tensor z = slice_axis(nodes.z, 1, 0, 1), e = slice_axis(nodes.z, 1, 1, 2);
  const Tensor m = scalar(m0, f64).requires_grad(), r = scalar(r0, f64).requires_grad();
  const Tensor xt = m + r * z + sigma * e, s = -w1 * xt, own = -(xt - m) / (r0 * r0 + sigma * sigma);
  const auto slopes = [&](const Tensor& loss) {
    const Tensors g = grad(sum(nodes.weights * loss), Tensors{m, r});
    return std::vector<double>{g[0].item(), g[1].item()};
  };
  const std::vector<double> with = slopes(dsm(s, e, sigma)), without = slopes(sds(s, e, sigma, xt)), variational = slopes(vsd(s, own, xt));
  CHECK(apart(with[0], w1 * w1 * m0) < 1e-13);
  CHECK(apart(with[1], w1 * w1 * r0) < 1e-13);
  CHECK(apart(without[0], w1 * m0) < 1e-13);
  CHECK(apart(without[1], w1 * r0) < 1e-13);
  CHECK(apart(variational[1], w1 * r0 - r0 / (r0 * r0 + sigma * sigma)) < 1e-13);  // the entropy's gradient taken away
  CHECK(apart(score_norm(s, 0.6).detach(), 0.6 * c2(s).detach()) < 1e-15);

  const double alpha = 0.8, model = alpha * alpha * v + sigma * sigma;
  const Tensor point = full({1, 1}, m0, f64).requires_grad(), noised = alpha * point + sigma * e;
  const Tensor residual = red_diff(-noised / model, e, broadcast_to(point, e.shape()), alpha, sigma);
  CHECK(apart(grad(sum(nodes.weights * residual), point).item(), sigma * sigma * m0 / model) < 1e-13);
  CHECK_THROWS_AS(red_diff(noised, e, point, 0.0, sigma), Error);
}

TEST_CASE("no per-sample loss broadcasts: each states the shapes that it wants") {
  const Tensor column = from({1, 2, 3}, {3, 1}, f64), flat = from({1, 2, 3}, f64), one = from({0.5}, {1, 1}, f64);
  const Tensor rows = ones({3, 2}, f64), two_levels = from({1, 2}, f64);
  for (const Tensor& other : {flat, one}) {
    CHECK_THROWS_AS(esm(column, other), Error);
    CHECK_THROWS_AS(dsm(column, other, 1), Error);
    CHECK_THROWS_AS(sds(column, other, 1, column), Error);
    CHECK_THROWS_AS(sds(column, column, 1, other), Error);
    CHECK_THROWS_AS(vsd(column, other, column), Error);
    CHECK_THROWS_AS(red_diff(column, other, column, 1, 1), Error);
    CHECK_THROWS_AS(denoising(Predicts::eps, column, column, other, {1, 1}), Error);
    CHECK_THROWS_AS(denoising(Predicts::eps, other, column, column, {1, 1}), Error);
    CHECK_THROWS_AS(target_of(Predicts::v, column, other, {1, 1}), Error);
    CHECK_THROWS_AS(prediction(Predicts::x0, other, column, {1, 1}), Error);
    CHECK_THROWS_AS(score_from(Predicts::x0, other, column, {1, 1}), Error);
    const Tensor at = column.detach().requires_grad();
    CHECK_THROWS_AS(ism(broadcast_to(sum(at), other.shape()), at), Error);
    CHECK_THROWS_AS(ssm(at * 2, at, other), Error);
    CHECK_THROWS_AS(fd_ssm([&](const Tensor&) { return other; }, column, column, 0.1), Error);
    CHECK_THROWS_AS(fd_ssm_energy([](const Tensor& x) { return x; }, column, column, 0.1), Error);
  }
  CHECK(contains(message_of([&] { dsm(flat, column, 1); }), "dsm: [3, 1] wanted for the score, [3] came [at "));
  CHECK(
      contains(message_of([&] { esm(column.to(float32), column); }), "esm: float64 [3, 1] wanted for the score, float32 [3, 1] came [at "));
  const Tensor tracked = column.detach().requires_grad();
  CHECK(contains(message_of([&] { ism(sum(tracked, {1}), tracked); }), "ism: [3, 1] wanted for the score, [3] came [at "));
  // A level is one for all or one a row, and [3] is no row of [1, 3].
  for (const Tensor& level : {two_levels, flat}) {
    CHECK_THROWS_AS(dsm(ones({1, 3}, f64), ones({1, 3}, f64), level), Error);
    CHECK_THROWS_AS(c3(ones({1, 3}, f64), level), Error);
    CHECK_THROWS_AS(target_of(Predicts::v, ones({1, 3}, f64), ones({1, 3}, f64), {level, 1}), Error);
  }
  CHECK(dsm(rows, rows, flat).shape() == Shape{3});
  CHECK(dsm(rows, rows, column).shape() == Shape{3});
  CHECK(c3(ones({3, 4, 2}, f64), flat).shape() == Shape{3, 4});
  CHECK_THROWS_AS(denoising(Predicts::eps, rows, rows, rows, {1, -1}), Error);
}
