#include "distributions/encoder.h"

#include <fmt/format.h>

#include <limits>

namespace scoregrad::distributions {

Tensor LinearEncoder::matrix(Where at) const {
  const CallerScope scope(at);
  if (gain.rank() == 0) return gain * eye(data.dim(), like(gain));
  if (gain.rank() != 2 || gain.extent(-1) != data.dim())
    throw Error(at, fmt::format("LinearEncoder: a gain of shape {} for data in {} dimensions; [m, {}] or a 0-d tensor is needed",
                                to_string(gain.shape()), data.dim(), data.dim()));
  return gain;
}

LinearEncoder::Posterior LinearEncoder::posterior(Where at) const {
  const CallerScope scope(at);
  const Tensor phi = matrix(at), s = data.covariance(), phi_s = matmul(phi, s);
  const Tensor noise = square(tau.like(phi)) * eye(phi.extent(0), like(phi));
  const Tensor k = transpose(solve(matmul(phi_s, transpose(phi)) + noise, phi_s));
  const Tensor k_phi = matmul(k, phi);
  return {k, data.mean - matmul(k_phi, data.mean), s - matmul(k, phi_s)};
}

Joint LinearEncoder::sample(int64_t n, const Key& key, Where at) const {
  const CallerScope scope(at);
  const Tensor x = data.sample(n, key.fold("x"), at), code = matmul(x, transpose(matrix(at)));
  return {x, code + tau.like(x) * normal(code.shape(), key.fold("eta"), like(x))};
}

Tensor LinearEncoder::score(const Tensor& xt, const Tensor& c, const Number& alpha, const Number& sigma, Where at) const {
  const CallerScope scope(at);
  const Posterior p = posterior(at);
  const Tensor mean = p.offset + matmul(c, transpose(p.gain));
  const Tensor a = alpha.like(xt), s = sigma.like(xt);
  const Tensor covariance = square(a) * p.covariance + square(s) * eye(data.dim(), like(xt));
  return Gaussian::with_covariance(zeros_like(p.offset), covariance, at).score(xt - a * mean, at);
}

LinearEncoder LinearEncoder::tagged(const std::string& label, Where at) const {
  return {data.tagged(label, at), gain.tag(label, at), tau.tagged(label, at)};
}

Joint NoisyEncoder::sample(int64_t n, const Key& key, Where at) const {
  const CallerScope scope(at);
  const Tensor index = data.sample_index(n, key.fold("x"), at);
  const Tensor x = index_select(data.points, 0, index), code = encode(x);
  return {x, code + tau.like(x) * normal(code.shape(), key.fold("eta"), like(x))};
}

Tensor NoisyEncoder::log_weights(const Tensor& c, const Tensor& codes, Where at) const {
  const CallerScope scope(at);
  const Tensor log_p = data.log_probabilities();
  if (!tau.is_number() || tau.value() != 0) return log_p + log_kernel(c, codes, tau.like(codes));
  // The limit of small noise: every weight on the nearest codes, whatever moves.
  const Tensor distance = sum(square(unsqueeze(c, -2) - codes), {-1}).detach();
  return where(distance == min(distance, {-1}, true), log_p, -std::numeric_limits<double>::infinity());
}

Tensor NoisyEncoder::posterior(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
                               Where at) const {
  const CallerScope scope(at);
  const Tensor centres = alpha.like(xt) * data.points;
  return softmax(log_weights(c, codes, at) + log_kernel(xt, centres, sigma.like(xt)), -1);
}

Tensor NoisyEncoder::score(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
                           Where at) const {
  const CallerScope scope(at);
  if (data.spread.defined()) throw Error(at, "NoisyEncoder: the data must be points without spread");
  const Tensor mean = matmul(posterior(xt, c, codes, alpha, sigma, at), data.points);
  return (alpha.like(xt) * mean - xt) / square(sigma.like(xt));
}

}  // namespace scoregrad::distributions
