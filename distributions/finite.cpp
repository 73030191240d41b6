#include "distributions/finite.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "autograd/tensor/misfit.h"
#include "distributions/categorical.h"
#include "distributions/kernel.h"
#include "distributions/parameters.h"

namespace scoregrad::distributions {
namespace {

void check_shapes(const FiniteData& p, Where at) {
  if (p.points.rank() < 2) throw misfit(at, "FiniteData", "the points", "[.., n, d]", p.points);
  const Shape batch = batch_of(p.points, 2);
  if (p.log_weights.defined()) demand_parameter("FiniteData", "log_weights", p.log_weights, batch, {p.count()}, at);
  if (p.spread.defined()) demand_parameter("FiniteData", "spread", p.spread, batch, {}, at);
}

// log p_i - |x - points_i|^2 / (2 spread^2).   [.., N, n]
Tensor logits(const FiniteData& p, const Tensor& x, Where at) {
  if (!p.spread.defined())
    throw Error(at, "FiniteData: points without spread have no density and no score; take noised(alpha, sigma) first");
  check_shapes(p, at);
  demand_points("FiniteData", x, p.dim(), at);
  const Tensor kernel = log_kernel(x, p.points, p.spread);
  return unsqueeze(p.log_probabilities(), -2).to(kernel.dtype()) + kernel;
}

Tensor spread_for(const FiniteData& p, int rank) { return Number(p.spread).like(p.points, rank); }

}  // namespace

Tensor FiniteData::log_probabilities(Where at) const {
  if (log_weights.defined()) return log_softmax(Operand(log_weights, at.file, at.line), -1);
  Shape shape = points.shape();
  shape.rank -= 1;
  return full(shape, -std::log(static_cast<double>(count())), like(points), at);
}

Tensor FiniteData::sample_index(int64_t n, const Key& key, Where at) const {
  check_shapes(*this, at);
  if (points.rank() != 2)
    throw Error(at, fmt::format("FiniteData: cannot sample from a batch of data sets of shape {}", to_string(points.shape())));
  if (log_weights.defined()) return categorical(log_weights, n, key);
  return integers(0, count(), {n}, key, {DType::int64, points.device()}, 0, at);
}

Tensor FiniteData::sample(int64_t n, const Key& key, Where at) const {
  const CallerScope scope(at);
  const Tensor x = index_select(points, 0, sample_index(n, key.fold("point"), at));
  return spread.defined() ? x + spread * normal(x.shape(), key.fold("normal"), like(x)) : x;
}

Tensor FiniteData::log_density(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  const Tensor l = logits(*this, x, at), s = spread_for(*this, points.rank() - 1);
  const double half_d = 0.5 * static_cast<double>(dim());
  return logsumexp(l, {-1}).to(x.dtype()) - half_d * log(2 * std::numbers::pi * square(s));
}

Tensor FiniteData::score(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return way_to(points, x, posterior(x, at)) / square(spread_for(*this, points.rank()));
}
Tensor FiniteData::posterior(const Tensor& x, Where at) const {
  const CallerScope scope(at);
  return softmax(logits(*this, x, at), -1).to(x.dtype());
}

FiniteData FiniteData::noised(const Number& alpha, const Number& sigma, Where at) const {
  const CallerScope scope(at);
  check_shapes(*this, at);
  const Tensor s = sigma.like(points);
  const Tensor wider = spread.defined() ? sqrt(square(alpha.like(points) * spread) + square(s)) : s;
  return {alpha.like(points, points.rank()) * points, log_weights, wider};
}

FiniteData FiniteData::mapped(const Mapping& f) const {
  const auto of = [&](const Tensor& t) { return t.defined() ? f(t) : t; };
  return {f(points), of(log_weights), of(spread)};
}
FiniteData FiniteData::tagged(const std::string& label, Where at) const {
  return mapped([&](const Tensor& t) { return t.tag(label, at); });
}
FiniteData FiniteData::detached() const {
  return mapped([](const Tensor& t) { return t.detach(); });
}

}  // namespace scoregrad::distributions
