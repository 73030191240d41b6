// Quadrature component by component: x_t on a wide grid and, because the losses are quadratic in it, what x_t leaves open of eps on two
// nodes a dimension, which is exact.
#include "tests/conformance/mixture.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

namespace conformance {
namespace {

// eps given x_t = mean + C u is sigma C^-T u + alpha L G^-T w with w ~ N(0, I), C C' = alpha^2 L L' + sigma^2 I, G G' = alpha^2 L' L +
// sigma^2 I.   Rows of u [n, d] and w [k, d] in all combinations -> [n k, d]
Tensor eps_of(const Tensor& l, const Tensor& c, const Tensor& u, const Tensor& w, double alpha, double sigma) {
  const int64_t d = l.extent(-1);
  const Tensor g = cholesky(alpha * alpha * matmul(transpose(l), l) + sigma * sigma * eye(d, like(l)));
  const Tensor known = sigma * transpose(triangular_solve(c, transpose(u), Triangle::lower, true));
  const Tensor open = alpha * matmul(transpose(triangular_solve(g, transpose(w), Triangle::lower, true)), transpose(l));
  return reshape(unsqueeze(known, 1) + open, {u.extent(0) * w.extent(0), d});
}

// x repeated `times` times, row by row.
Tensor repeated(const Tensor& x, int64_t times) {
  Shape wide = x.shape(), flat = x.shape();
  flat[0] *= times;
  Shape inserted{x.extent(0), times};
  for (int i = 1; i < wide.rank; ++i) inserted.push_back(wide[i]);
  return reshape(broadcast_to(unsqueeze(x, 1), inserted), flat);
}

}  // namespace

double number_of(const Field& object, const std::string& key) {
  char* end = nullptr;
  const double x = std::strtod(key.c_str(), &end);
  if (key.empty() || *end) object[key].malformed("the key is not a number");
  return x;
}

Mixture line_mixture(const Field& object) {
  const Tensor pi = object["pi"].tensor(), mu = object["mu"].tensor(), v = object["v"].tensor();
  return {log(pi), unsqueeze(mu, 1), unsqueeze(unsqueeze(sqrt(v), 1), 2)};
}

Mixture line_mixture_of(const Field& components) {
  const Tensor all = components.tensor();
  if (all.rank() != 2 || all.extent(1) != 3) components.malformed("rows of weight, mean and variance are expected");
  return {log(select(all, 1, 0)), slice_axis(all, 1, 1, 2), unsqueeze(slice_axis(sqrt(all), 1, 2, 3), 2)};
}

quadrature::Rule rule_for(int64_t dims) {
  if (dims > 3) throw Unsupported(fmt::format("an exact sum over a grid in {} dimensions", dims));
  return dims == 1 ? quadrature::trapezoid(9, 0.1) : dims == 2 ? quadrature::trapezoid(8.8, 0.2) : quadrature::trapezoid(7.8, 0.25);
}

void visit(const Mixture& p, double alpha, double sigma, const std::function<void(const Block&)>& block) {
  const int64_t d = p.dim();
  const Options options = like(p.means);
  const quadrature::Nodes open = exact_nodes(d, options);
  const int64_t k = open.weights.extent(0);
  for (int64_t i = 0; i < p.count(); ++i) {
    quadrature::Grid grid(rule_for(d), d, options);
    for (auto nodes = grid.next(8192); nodes.z.defined(); nodes = grid.next(8192)) {
      const Gaussian component{select(p.means, 0, i), select(p.factors, 0, i)}, noised = component.noised(alpha, sigma);
      const Tensor share = exp(select(p.log_probabilities(), 0, i));
      block({share * flatten(outer(nodes.weights, open.weights)),
             eps_of(component.factor, noised.factor, nodes.z, open.z, alpha, sigma),
             tracked(repeated(noised.at(nodes.z), k)),
             {},
             {}});
    }
  }
}

Named mixture_losses(const Mixture& p, const Score& s, double alpha, double sigma) {
  Named total;
  const Mixture q = p.noised(alpha, sigma);
  visit(p, alpha, sigma, [&](const Block& b) {
    for (const auto& [name, part] : losses_of({b.weights, b.eps, b.xt, s(b.xt), q.score(b.xt)}, sigma)) {
      Tensor& sum = total[name];
      sum = sum.defined() ? sum + part : part;
    }
  });
  return total;
}

}  // namespace conformance
