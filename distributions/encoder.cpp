#include "distributions/encoder.h"

#include <fmt/format.h>

#include <limits>

#include "autograd/tensor/misfit.h"
#include "distributions/kernel.h"
#include "distributions/parameters.h"

namespace scoregrad::distributions {

Tensor LinearEncoder::matrix(Where at) const {
  const CallerScope scope(at);
  demand_single("LinearEncoder", data.mean, tau, at);
  if (gain.rank() == 0) return gain * eye(data.dim(), like(gain));
  if (gain.rank() != 2 || gain.extent(-1) != data.dim())
    throw misfit(at, "LinearEncoder", "the gain", fmt::format("[m, {}] or []", data.dim()), gain);
  return gain;
}

LinearEncoder::Posterior LinearEncoder::posterior(Where at) const {
  const CallerScope scope(at);
  const Tensor phi = matrix(at), s = data.covariance(), phi_s = matmul(phi, s);
  const auto answer = [&](const Tensor& k, const Tensor& p) -> Posterior { return {k, data.mean - matmul(matmul(k, phi), data.mean), p}; };
  const Tensor variance = square(tau.like(phi));
  const bool noiseless = tau.is_number() && tau.value() == 0;
  if (phi.extent(0) < data.dim() || noiseless) {  // something of x is not seen, and keeps its own law
    const Tensor noise = variance * eye(phi.extent(0), like(phi));
    const Tensor k = transpose(solve(matmul(phi_s, transpose(phi)) + noise, phi_s));
    return answer(k, s - matmul(k, phi_s));
  }
  // With S = F F' and G = Phi F the same as P = tau^2 F (tau^2 I + G'G)^-1 F', where no two large numbers cancel for a small tau.
  const Tensor f = data.factor, g = matmul(phi, f), m = variance * eye(f.extent(-1), like(phi)) + matmul(transpose(g), g);
  const Tensor solved = solve(m, concat({transpose(g), transpose(f)}, 1));  // [d, m + d]
  const int64_t codes = phi.extent(0);
  return answer(matmul(f, slice_axis(solved, 1, 0, codes)), variance * matmul(f, slice_axis(solved, 1, codes, codes + f.extent(0))));
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
  demand_single("NoisyEncoder", select(data.points, 0, 0), tau, at);
  demand_points("NoisyEncoder", c, codes.extent(-1), at);
  demand_parameter("NoisyEncoder", "codes", codes, {}, {data.count(), codes.extent(-1)}, at);
  const Tensor log_p = data.log_probabilities();
  if (!tau.is_number() || tau.value() != 0) {
    const Tensor kernel = log_kernel(c, codes, tau);
    return log_p.to(kernel.dtype()) + kernel;
  }
  // The limit of small noise: every weight on the nearest codes, whatever moves.
  const Tensor distance = sum(square(unsqueeze(c, -2) - codes), {-1}).detach();
  return where(distance == min(distance, {-1}, true), log_p, -std::numeric_limits<double>::infinity());
}

Tensor NoisyEncoder::posterior(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
                               Where at) const {
  const CallerScope scope(at);
  demand_points("NoisyEncoder", xt, data.dim(), at);
  const Tensor to_c = log_weights(c, codes, at), to_x = log_kernel(xt, alpha.like(xt) * data.points, sigma);
  const DType type = to_c.dtype() == float64 ? float64 : to_x.dtype();
  return softmax(to_c.to(type) + to_x.to(type), -1).to(xt.dtype());
}

Tensor NoisyEncoder::score(const Tensor& xt, const Tensor& c, const Tensor& codes, const Number& alpha, const Number& sigma,
                           Where at) const {
  const CallerScope scope(at);
  if (data.spread.defined()) throw Error(at, "NoisyEncoder: the data must be points without spread");
  return way_to(alpha.like(xt) * data.points, xt, posterior(xt, c, codes, alpha, sigma, at)) / square(sigma.like(xt));
}

}  // namespace scoregrad::distributions
