#include "distributions/gaussian.h"

#include <cmath>
#include <numbers>

#include "autograd/tensor/misfit.h"
#include "distributions/parameters.h"

namespace scoregrad::distributions {
namespace {

const double log_two_pi = std::log(2 * std::numbers::pi);

Tensor identity_like(const Tensor& x) { return eye(x.extent(-1), like(x)); }

// Mean and factor may each be the batch that the other broadcasts over.
void demand_factor(const Gaussian& g, Where at) {
  if (g.mean.rank() < 1) throw misfit(at, "Gaussian", "the mean", "[.., d]", g.mean);
  demand_parameter("Gaussian", "factor", g.factor, batch_of(g.factor, 2), {g.dim(), g.dim()}, at);
}
void check(const char* op, const Gaussian& g, const Tensor& x, Where at) {
  demand_factor(g, at);
  demand_points(op, x, g.dim(), at);
}

// Rows of x as coordinates in which the law is standard normal, and the inverse of the factor that makes them so. The covariance, whose
// condition number is the square of the factor's, is never formed.
struct Whitened {
  Tensor rows;      // [.., n, d]
  Tensor whitener;  // [.., d, d]
};
Whitened whiten(const Gaussian& g, const Tensor& x) {
  const Tensor whitener = inverse(g.factor);
  return {matmul(x - unsqueeze(g.mean, -2), transpose(whitener)), whitener};
}
Tensor log_density_of(const Gaussian& g, const Whitened& w) {
  const Tensor log_det = unsqueeze(slogdet(g.factor).logabsdet, -1);
  return -log_det - 0.5 * sum(square(w.rows), {-1}) - 0.5 * log_two_pi * static_cast<double>(w.rows.extent(-1));
}

}  // namespace

Gaussian Gaussian::standard(int64_t d, Options options, Where at) { return {zeros({d}, options, at), eye(d, options, at)}; }
Gaussian Gaussian::with_covariance(const Tensor& mean, const Tensor& covariance, Where at) {
  return {mean, cholesky(Operand(covariance, at.file, at.line))};
}
Gaussian Gaussian::diagonal(const Tensor& mean, const Tensor& deviation, Where at) {
  return {mean, diag(Operand(deviation, at.file, at.line))};
}

Tensor Gaussian::covariance(Where at) const {
  const CallerScope scope(at);
  return matmul(factor, transpose(factor));
}

Tensor Gaussian::at(const Tensor& z, Where line) const {
  const CallerScope scope(line);
  check("Gaussian::at", *this, z, line);
  return unsqueeze(mean, -2) + matmul(z, transpose(factor));
}

Tensor Gaussian::sample(int64_t n, const Key& key, Where line) const {
  Shape shape = mean.shape();
  shape[shape.rank - 1] = n;
  shape.push_back(dim());
  return at(normal(shape, key, like(mean), 0, line), line);
}

Tensor Gaussian::log_density(const Tensor& x, Where line) const {
  const CallerScope scope(line);
  check("Gaussian::log_density", *this, x, line);
  return log_density_of(*this, whiten(*this, x));
}

Tensor Gaussian::score(const Tensor& x, Where line) const {
  const CallerScope scope(line);
  check("Gaussian::score", *this, x, line);
  const Whitened w = whiten(*this, x);
  return -matmul(w.rows, w.whitener);
}

DensityAndScore Gaussian::evaluate(const Tensor& x, Where line) const {
  const CallerScope scope(line);
  check("Gaussian::evaluate", *this, x, line);
  const Whitened w = whiten(*this, x);
  return {log_density_of(*this, w), -matmul(w.rows, w.whitener)};
}

Gaussian Gaussian::noised(const Number& alpha, const Number& sigma, Where line) const {
  const CallerScope scope(line);
  demand_factor(*this, line);
  const Tensor a = alpha.like(mean, factor.rank()), s = sigma.like(mean, factor.rank());
  // The root of the covariance loses what is narrow beside its widest direction, and its derivative loses as much again. Seen through it
  // the parts of the law are of size one: their sum's root mends it and carries the derivatives.
  const Tensor rough = cholesky((square(a) * covariance() + square(s) * identity_like(factor)).detach());
  const auto seen = [&](const Tensor& part) { return triangular_solve(rough, broadcast_to(part, rough.shape())); };
  const Tensor data = seen(a * factor), noise = seen(s * identity_like(factor));
  return {alpha.like(mean, mean.rank()) * mean, matmul(rough, cholesky(matmul(data, transpose(data)) + matmul(noise, transpose(noise))))};
}

Gaussian Gaussian::tagged(const std::string& label, Where line) const { return {mean.tag(label, line), factor.tag(label, line)}; }
Gaussian Gaussian::detached() const { return {mean.detach(), factor.detach()}; }

}  // namespace scoregrad::distributions
