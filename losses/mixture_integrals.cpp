// The exact sum over a mixture of Gaussians. Each component is integrated over its own x_t; x given x_t is Gaussian and is integrated out
// by hand, so that d dimensions remain of 2 d and no two large numbers cancel at small sigma.
#include <algorithm>
#include <cmath>
#include <map>

#include "losses/set_up_law.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

// x_t = alpha mean + C u with C C' = S = alpha^2 F F' + sigma^2 I. Given x_t the conditional score t is Gaussian, of mean -C'^-1 u and
// covariance I / sigma^2 - S^-1, and the losses are quadratic in it: these two numbers are all of x that they see.
// Half the trace of that covariance is 1/2 (alpha / sigma)^2 |C^-1 F|^2, which keeps all digits. It is also d / (2 sigma^2) - 1/2 |C^-1|^2,
// whose gradient keeps its digits: that of the first form is a small difference where sigma is small beside F.
Rows given_every_xt(const Mixture& m, const Level& level, const Tensor& u) {
  const auto d = static_cast<double>(m.dim());
  const Gaussian x = m.components(), noised = x.noised(level.alpha, level.sigma);
  const Tensor xt = noised.at(u);  // [j, k, q, d]
  const Tensor whitener = triangular_solve(noised.factor, broadcast_to(eye(m.dim(), like(u)), noised.factor.shape()));
  const Tensor a = level.alpha.like(u, 2), s = level.sigma.like(u, 2);
  const auto half_square = [](const Tensor& matrix) { return 0.5 * sum(square(matrix), {-2, -1}); };
  const Tensor value = (square(a / s) * half_square(matmul(whitener, x.factor))).detach(),
               moves = 0.5 * d / square(s) - half_square(whitener);
  // A draw alpha (mean + F z) + sigma eps moves as its z and eps say, of which the means given x_t are alpha F'C'^-1 u and sigma C'^-1 u.
  const Tensor wide = level.alpha.like(u, 4), narrow = level.sigma.like(u, 4), unit = matmul(u, whitener).detach();
  const Tensor z = wide.detach() * matmul(unit, x.factor.detach()), eps = narrow.detach() * unit;
  return {.xt = xt,
          .t = broadcast_to(-matmul(u, whitener), xt.shape()),
          .scatter = value + (moves - moves.detach()),
          .moving = wide * x.at(z) + narrow * eps,
          .level = level};
}

Mixture some_of(const Mixture& m, const Tensor& which) {
  return {index_select(m.log_weights, 1, which), index_select(m.means, 1, which), index_select(m.factors, 1, which)};
}

// For each component the width of the narrowest one in its own whitened coordinates: the least singular value of C_k^-1 C_l over all l.
// Between components of different width the posterior weights change within the smaller one.
std::vector<double> narrowest(const Mixture& noised) {
  const NoGrad guard;
  const int64_t k = noised.count(), d = noised.dim();
  std::vector<double> out(static_cast<size_t>(k), 1.0);
  if (k == 1) return out;
  const Tensor factor = broadcast_to(noised.factors, {noised.means.extent(0), k, d, d});
  const Tensor covariance = matmul(factor, transpose(factor)),
               whitener = triangular_solve(factor, broadcast_to(eye(d, like(factor)), factor.shape()));
  for (int64_t l = 0; l < k; ++l) {
    const Tensor seen = matmul(matmul(whitener, slice_axis(covariance, 1, l, l + 1)), transpose(whitener));  // [j, k, d, d]
    const std::vector<double> least = min(min(eigh(seen).values, {-1}), {0}).to_vector<double>();
    for (size_t i = 0; i < out.size(); ++i) out[i] = std::min(out[i], std::sqrt(std::max(0.0, least[i])));
  }
  return out;
}

}  // namespace

double conditioning_of(const Mixture& law, const Level& level) {
  const NoGrad guard;
  const Mixture noised = law.noised(level.alpha, level.sigma);
  const Tensor &c = noised.factors, each_alone = c / norm(c, {-1}, true), whitener = inverse(c);
  const auto size = [](const Tensor& x) { return sqrt(sum(square(x), {-2, -1})); };
  const double of_widths = max(size(each_alone) * size(inverse(each_alone))).item() / static_cast<double>(law.dim());
  const double of_place = max(norm(matmul(abs(whitener), unsqueeze(abs(noised.means), -1)), {-2, -1})).item();
  double out = 4 * of_widths + of_place;
  // Gradients in means are of the size S^-1/2 beside losses of the size S^-1, node by node; they cancel in the sum.
  if (law.means.tracked()) out += max(size(whitener)).item() / 4;
  if (law.factors.tracked()) {
    // Gradients in F are of the size S^-2 F beside losses of the size S^-1. Across the axes each entry of F is rounded by itself, and what
    // one path loses another need not give back.
    const bool turned = (max(abs(c - diag(diagonal(c)))) > 0).item();
    const Tensor precision = matmul(transpose(whitener), whitener), &f = law.factors;
    out += max(turned ? size(precision) * size(f) : size(matmul(precision, f))).item() / 4 + (turned ? of_place : 0);
  }
  return out;
}

// The components of about the same width beside their narrowest neighbour are integrated together, each over itself.
std::vector<Integral> integrals_of(const Mixture& law, const Tensor& c, const Level& level, Where at) {
  const CallerScope scope(at);
  std::map<int, std::pair<double, std::vector<int64_t>>> groups;
  const std::vector<double> widths = narrowest(law.noised(level.alpha, level.sigma));
  for (size_t i = 0; i < widths.size(); ++i) {
    auto& [width, members] = groups.try_emplace(std::ilogb(std::max(widths[i], 1e-12)), 1.0, std::vector<int64_t>{}).first->second;
    width = std::min(width, widths[i]);
    members.push_back(static_cast<int64_t>(i));
  }
  std::vector<Integral> out;
  for (const auto& [_, group] : groups) {
    const std::vector<int64_t>& members = group.second;
    const bool all = groups.size() == 1;
    const Tensor which = indices(members, law.means.device());
    const auto rows = [=](const Nodes& nodes) {
      const CallerScope line(at);
      const Mixture tagged = law.tagged("dist"), m = all ? tagged : some_of(tagged, which);
      Rows r = given_every_xt(m, on_path(level, "dist"), nodes.z);
      if (law.log_weights.tracked()) {
        const Gaussian first = law.noised(level.alpha, level.sigma).components().detached();
        r.partner = broadcast_to(slice_axis(first.at(nodes.z), 1, 0, 1), r.xt.shape());
      }
      const Tensor log_p = tagged.log_probabilities();
      return in_order(r, exp(all ? log_p : index_select(log_p, 1, which)), nodes.weights, c);
    };
    out.push_back({law.dim(), law.means.extent(0) * static_cast<int64_t>(members.size()), group.first, rows});
  }
  return out;
}

}  // namespace scoregrad::losses
