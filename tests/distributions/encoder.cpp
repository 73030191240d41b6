#include "distributions/encoder.h"

#include <cmath>

#include "autograd/graph/gradient.h"
#include "tests/catch.h"
#include "tests/close.h"

using namespace scoregrad;
using namespace scoregrad::distributions;

namespace {
const Options f64{.dtype = float64};
const LinearEncoder linear{.data = {from({0.4, -0.3, 0.2}, f64), from({0.9, 0, 0, 0.3, 0.7, 0, -0.2, 0.5, 1.1}, {3, 3}, f64)},
                           .gain = from({0.5, -1, 0.3, 0.2, 0.8, -0.6}, {2, 3}, f64),
                           .tau = 0.5};
const Tensor data = from({0.2, -2.8, -0.7, 0.4, 1.5, 0.9, -0.1, -0.6}, {4, 2}, f64), log_p = from({0.1, -0.2, 0.3, 0}, f64);
Tensor code(const Tensor& x) { return tanh(matmul(x, from({0.7, -0.4}, {2, 1}, f64))); }
const NoisyEncoder noisy{.data = {data, log_p}, .encode = code, .tau = 0.5};
const Tensor xt = from({1.2, -0.5, -0.1, 0.8, 2.2, -1.1}, {3, 2}, f64), c = from({0.4, -0.9, 0.1}, {3, 1}, f64);
}  // namespace

TEST_CASE("the conditional score of a linear encoder is that of the joint Gaussian of x_t and c") {
  const double alpha = 0.8, sigma = 0.6;
  const Tensor s = linear.data.covariance(), phi = linear.gain, cross = matmul(s, transpose(phi));
  const Tensor top = concat({alpha * alpha * s + sigma * sigma * eye(3, f64), alpha * cross}, 1);
  const Tensor bottom = concat({alpha * transpose(cross), matmul(phi, cross) + 0.25 * eye(2, f64)}, 1);
  const Tensor mean = concat({alpha * linear.data.mean, matmul(linear.data.mean, transpose(phi))}, 0);
  const Gaussian joint = Gaussian::with_covariance(mean, concat({top, bottom}, 0));
  const Tensor both = normal({5, 5}, Key(3), f64);
  const Tensor got = linear.score(slice_axis(both, 1, 0, 3), slice_axis(both, 1, 3, 5), alpha, sigma);
  CHECK(apart(got, slice_axis(joint.score(both), 1, 0, 3)) < 1e-13);
}

TEST_CASE("in one dimension the posterior of a linear encoder is the textbook's") {
  const LinearEncoder q{.data = Gaussian::diagonal(zeros({1}, f64), from({1.3}, f64)), .gain = scalar(0.8, f64), .tau = 0.5};
  const double s = 1.69, k = 0.8 * s / (0.64 * s + 0.25), p = s * 0.25 / (0.64 * s + 0.25);
  CHECK(apart(q.posterior().gain.item(), k) < 1e-14);
  CHECK(apart(q.posterior().covariance.item(), p) < 1e-14);
  CHECK(apart(q.score(ones({1, 1}, f64), ones({1, 1}, f64), 1, 0.5).item(), -(1 - k) / (p + 0.25)) < 1e-14);
  const LinearEncoder wide{.data = Gaussian::standard(3, f64), .gain = scalar(0.8, f64), .tau = 0.5};
  CHECK(apart(wide.matrix(), 0.8 * eye(3, f64)) < 1e-15);
}

TEST_CASE("the conditional score of a noisy encoder is the gradient of the density summed over the points") {
  const double alpha = 0.9, sigma = 0.6;
  const Tensor at = xt.detach().requires_grad(), codes = code(data);
  const Tensor to_c = sum(square(unsqueeze(c, 1) - codes), {-1}) / (2 * 0.25);
  const Tensor to_x = sum(square(unsqueeze(at, 1) - alpha * data), {-1}) / (2 * sigma * sigma);
  const Tensor log_density = logsumexp(log_p - to_c - to_x, {1});
  CHECK(apart(noisy.score(xt, c, noisy.codes(), alpha, sigma), grad(sum(log_density), at)) < 1e-13);
  CHECK(apart(noisy.posterior(xt, c, codes, alpha, sigma), softmax((log_p - to_c - to_x).detach(), 1)) < 1e-13);
}

TEST_CASE("d s*/dc of a noisy encoder is the posterior covariance of target and code over tau squared") {
  const double sigma = 0.6;
  const Tensor at = c.detach().requires_grad(), codes = code(data);
  const Tensor got = grad(sum(noisy.score(xt, at, codes, 1, sigma)), at);
  const Tensor r = noisy.posterior(xt, c, codes, 1, sigma), t = sum((data - unsqueeze(xt, 1)) / (sigma * sigma), {-1}),
               f = select(codes, 1, 0);
  const Tensor covariance = sum(r * t * f, {1}) - sum(r * t, {1}) * sum(r * f, {1});
  CHECK(apart(got, unsqueeze(covariance / 0.25, 1)) < 1e-12);
}

TEST_CASE("a noiseless code that tells the points apart leaves the target of the one point") {
  const NoisyEncoder sharp{.data = {data, log_p}, .encode = code, .tau = 0.0};
  const Tensor codes = sharp.codes(), s = sharp.score(data + 0.3, codes, codes, 1, 0.5);
  CHECK(apart(s, full({4, 2}, -0.3 / 0.25, f64)) < 1e-13);
}

TEST_CASE("samples of an encoder are data and their noisy codes") {
  const Joint j = noisy.sample(4000, Key(6));
  REQUIRE(j.x.shape() == Shape{4000, 2});
  const Tensor r = j.c - code(j.x);
  CHECK(std::abs(mean(r).item()) < 5 * 0.5 / std::sqrt(4000.0));
  CHECK(std::abs(mean(square(r)).item() - 0.25) < 5 * 0.25 * std::sqrt(2 / 4000.0));
  const Joint g = linear.sample(4000, Key(6));
  const Tensor rg = g.c - matmul(g.x, transpose(linear.gain));
  CHECK(std::abs(mean(square(rg)).item() - 0.25) < 5 * 0.25 * std::sqrt(2 / 8000.0));
}

TEST_CASE("a gain or data that do not fit are refused") {
  CHECK_THROWS_AS((LinearEncoder{.data = Gaussian::standard(2, f64), .gain = ones({2, 3}, f64), .tau = 1.0}.matrix()), Error);
  const NoisyEncoder smeared{.data = FiniteData{data}.noised(1, 0.1), .encode = code, .tau = 0.5};
  CHECK_THROWS_AS(smeared.score(xt, c, code(data), 1, 0.5), Error);
}

// What DSM's bias is made of: the mean of |s + 0.3 x_t|^2 / 2 and its derivative in tau, at data in units of the noise.
double slope_in_tau(const Tensor& data, const Tensor& c, const Tensor& at, double sigma, double tau, double unit) {
  const Tensor moving = scalar(tau, f64).requires_grad();
  const NoisyEncoder q{.data = {data / unit}, .encode = [](const Tensor& t) { return t; }, .tau = Tensor(moving / unit)};
  const Tensor s = q.score(at / unit, c / unit, q.codes(), 1, sigma / unit) / unit;
  return grad(mean(sum(0.5 * square(s + 0.3 * at), {1})), moving).item();
}

TEST_CASE("a datum that stands twice leaves no trace in the score's derivative, however small the noise") {
  for (const double small : {1e-2, 1e-3, 1e-5}) {
    const Tensor once = from({-0.7, 0.1, 1.3}, {3, 1}, f64), twice = concat({once, once}, 0);
    const Tensor c = twice + small * normal(twice.shape(), Key(1), f64), eps = normal(twice.shape(), Key(2), f64);
    // The law is that of the data once, where only one datum counts: s = -eps / sigma for every tau.
    CHECK(std::abs(slope_in_tau(twice, c, twice + small * eps, small, small, 1)) < 1e-9);
  }
}

TEST_CASE("derivatives of an encoder's score hold 1e-9 at noise 1e-4 of the data, and 1e-2 in more than eight dimensions") {
  const auto off = [](double small, int64_t d) {
    const Tensor once = concat({from({-0.7, 0.1, 1.3}, {3, 1}, f64), zeros({3, d - 1}, f64)}, 1);
    const Tensor near = concat({once, once + 0.1 * small}, 0);  // each datum has a neighbour within the noise
    const Tensor c = near + small * normal(near.shape(), Key(1), f64), at = near + small * normal(near.shape(), Key(2), f64);
    const double got = slope_in_tau(near, c, at, small, small, 1), want = slope_in_tau(near, c, at, small, small, small);
    return std::abs(got / want - 1);
  };
  CHECK(off(1e-2, 1) < 1e-9);
  CHECK(off(1e-4, 1) < 1e-9);
  CHECK(off(1e-4, 8) < 1e-9);
  CHECK(off(1e-2, 12) < 1e-9);
}

TEST_CASE("a linear encoder's posterior keeps its digits where the code is nearly exact") {
  // One dimension: P = s tau^2 / (phi^2 s + tau^2), here without a subtraction.
  for (const double tau : {1e-2, 1e-4, 1e-6}) {
    const LinearEncoder q{.data = Gaussian::diagonal(from({0.3}, f64), from({1.3}, f64)), .gain = scalar(0.8, f64), .tau = tau};
    const double s = 1.69, want = s * tau * tau / (0.64 * s + tau * tau);
    CHECK(std::abs(q.posterior().covariance.item() / want - 1) < 1e-12);
  }
  // A code of fewer numbers than the data: across the row of Phi the data's own law stays, and P holds to the rounding of S.
  const LinearEncoder flat{.data = Gaussian::standard(2, f64), .gain = from({0.6, 0.8}, {1, 2}, f64), .tau = 1e-5};
  const Tensor u = from({0.6, 0.8}, {1, 2}, f64), v = from({-0.8, 0.6}, {1, 2}, f64), p = flat.posterior().covariance;
  CHECK(std::abs(matmul(matmul(u, p), transpose(u)).item() - 1e-10 / (1 + 1e-10)) < 1e-15);
  CHECK(apart(matmul(matmul(v, p), transpose(v)).item(), 1) < 1e-14);
  const LinearEncoder exact{.data = flat.data, .gain = flat.gain, .tau = 0.0};
  CHECK(apart(exact.posterior().covariance, matmul(transpose(v), v)) < 1e-15);
}
