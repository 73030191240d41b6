#include "losses/draws.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/ops/random.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

Tensor leading(const Tensor& x, int rank) { return x.defined() && x.rank() < rank ? unsqueeze(x, 0) : x; }

LawBatch batch(const Mixture& m) { return Mixture{leading(m.log_weights, 2), leading(m.means, 3), leading(m.factors, 4)}; }
LawBatch batch(const FiniteData& p) { return FiniteData{leading(p.points, 3), leading(p.log_weights, 2), {}}; }

// What the law alone determines: weights [j, k, q], x_t [j, k, q, d] and t [j, k, q, w, d].
struct Noised {
  Tensor weight, xt, t;
};

Noised as_they_arise(const Mixture& m, const Noising& level, const Tensor& z) {
  const int64_t d = m.dim();
  const Tensor x = m.components().at(slice_axis(z, -1, 0, d)), eps = slice_axis(z, -1, d, 2 * d);
  const Tensor s = level.sigma.like(x, 4);
  return {exp(m.log_probabilities()), level.alpha.like(x, 4) * x + s * eps, unsqueeze(broadcast_to(-(eps / s), x.shape()), -2)};
}

// x_t = alpha mean + C u with C C' = S = alpha^2 F F' + sigma^2 I, and then x given x_t: x = mean + F z where z has the covariance
// R R' = (I + alpha^2 F'F / sigma^2)^-1 and the mean (alpha / sigma^2) R R' F' (x_t - alpha mean). DSM is quadratic in z, so that the 2 d
// points +-sqrt(d) e_i in place of its standard normals are exact.
Noised backwards(const Mixture& m, const Noising& level, const Tensor& u) {
  const int64_t d = m.dim();
  const Gaussian x = m.components(), noised = x.noised(level.alpha, level.sigma);
  const Tensor identity = eye(d, like(u)), a = level.alpha.like(u, 4), v = square(level.sigma.like(u, 4));
  const Tensor precision = identity + square(a) / v * matmul(transpose(x.factor), x.factor);
  const Tensor covariance = inverse(precision), root = cholesky(covariance);
  const Tensor xt = noised.at(u);  // [j, k, q, d]
  const Tensor z = matmul(xt - unsqueeze(noised.mean, -2), a / v * matmul(x.factor, covariance));
  const Tensor spread = matmul(std::sqrt(static_cast<double>(d)) * concat({identity, -identity}, 0), transpose(root));  // [j, k, 2d, d]
  const Tensor zs = unsqueeze(z, -2) + unsqueeze(spread, -3);                                                           // [j, k, q, 2d, d]
  const Tensor xs = unsqueeze(unsqueeze(x.mean, -2), -2) + matmul(zs, unsqueeze(transpose(x.factor), -3));
  const Tensor t = (unsqueeze(a, -1) * xs - unsqueeze(xt, -2)) / unsqueeze(v, -1);
  return {exp(m.log_probabilities()), xt, t};
}

Noised from_points(const FiniteData& p, const Noising& level, const Tensor& eps) {
  const Tensor s = level.sigma.like(eps, 4), x = unsqueeze(p.points, -2);  // [j, n, 1, d]
  const Tensor xt = level.alpha.like(eps, 4) * x + s * eps;
  return {exp(p.log_probabilities()), xt, unsqueeze(broadcast_to(-(eps / s), xt.shape()), -2)};
}

void check_fixed_weights(const FiniteData& p, Where at) {
  if (p.log_weights.tracked())
    throw Error(at, "decompose: samples of a data set carry no gradient to its weights; leave samples at 0 for the exact sum");
}

Noised from_some_points(const FiniteData& p, const Noising& level, const Tensor& eps, const Key& key, Where at) {
  check_fixed_weights(p, at);
  const FiniteData data{select(p.points, 0, 0), p.log_weights.defined() ? select(p.log_weights, 0, 0) : Tensor{}};
  const Tensor index = data.sample_index(eps.extent(0), key), x = index_select(data.points, 0, index);
  const Tensor s = level.sigma.like(eps, 2), xt = level.alpha.like(eps, 2) * x + s * eps;
  const Shape shape{1, 1, eps.extent(0), eps.extent(1)};
  return {ones({1, 1}, like(eps)), reshape(xt, shape), unsqueeze(reshape(-(eps / s), shape), -2)};
}

Noising on_path(const Noising& level, const char* label) { return {level.alpha.tagged(label), level.sigma.tagged(label)}; }

Tensor rows(const Tensor& x, int64_t count) { return reshape(x, {count, x.extent(-1)}); }

// A plan for a law with conditions c [j, m], or none.
Plan plan_law(const LawBatch& law, const Tensor& c, const Noising& level, bool exact, Where at) {
  const bool points = std::holds_alternative<FiniteData>(law);
  const Tensor& centres = points ? std::get<FiniteData>(law).points : std::get<Mixture>(law).means;
  const int64_t j = centres.extent(0), k = points && !exact ? 1 : centres.extent(1), d = centres.extent(2);
  if (c.defined() && (c.rank() != 2 || c.extent(0) != j))
    throw Error(at, fmt::format("decompose: conditions of shape {} for a batch of {} laws", to_string(c.shape()), j));
  if (points && !exact && j > 1) throw Error(at, "decompose: cannot sample from a batch of data sets");
  const auto draw = [=](const Nodes& noise, const Key& key) {
    const CallerScope scope(at);
    const Noising outside = on_path(level, "dist"), inside = on_path(level, "target");
    const auto noised = [&]() -> Noised {
      if (const Mixture* m = std::get_if<Mixture>(&law))
        return exact ? backwards(m->tagged("dist"), outside, noise.z) : as_they_arise(m->tagged("dist"), outside, noise.z);
      const FiniteData p = std::get<FiniteData>(law).tagged("dist");
      return exact ? from_points(p, outside, noise.z) : from_some_points(p, outside, noise.z, key, at);
    }();
    const int64_t q = noise.z.extent(0), n = j * k * q;
    Draws out;
    out.weight = reshape(unsqueeze(noised.weight, -1) * noise.weights / j, {n});
    out.xt = rows(noised.xt, n);
    out.t = reshape(noised.t, {n, noised.t.extent(-2), d});
    const Tensor by_condition = reshape(noised.xt, {j, k * q, d});
    out.target =
        rows(std::visit([&](const auto& l) { return l.tagged("target").noised(inside.alpha, inside.sigma).score(by_condition); }, law), n);
    if (c.defined()) out.c = rows(broadcast_to(unsqueeze(c, 1), {j, k * q, c.extent(1)}), n);
    return out;
  };
  return {d, points || exact ? d : 2 * d, j * k, like(centres), draw};
}

void check_single_level(const Noising& level, Where at) {
  if (!level.alpha.is_single() || !level.sigma.is_single())
    throw Error(at, "decompose: an encoder, or a distribution of one's own, takes one noise level, a number or a 0-d tensor");
}

// A law of which no more is known than the concept demands: samples, or the nodes that it names, and its noised score.
Plan plan_other(const AnyDistribution& law, const Tensor& c, const Noising& level, bool exact, Where at) {
  check_single_level(level, at);
  if (c.defined() && c.extent(0) != 1) throw Error(at, fmt::format("decompose: conditions of shape {} for one law", to_string(c.shape())));
  const std::optional<FiniteData> nodes = exact ? law.nodes() : std::nullopt;
  if (exact && !nodes)
    throw Error(at,
                "decompose: this distribution has no nodes() to sum over; draw `samples`, or give it nodes, as push_forward makes them");
  const int64_t d = law.dim(), k = exact ? nodes->count() : 1;
  const auto draw = [=](const Nodes& noise, const Key& key) {
    const CallerScope scope(at);
    const Noising outside = on_path(level, "dist"), inside = on_path(level, "target");
    const int64_t q = noise.z.extent(0), n = k * q;
    const Tensor &eps = noise.z, s = outside.sigma.like(eps), a = outside.alpha.like(eps);
    Draws out;
    if (exact) {
      const FiniteData p = nodes->tagged("dist");
      out.weight = reshape(unsqueeze(exp(p.log_probabilities()), -1) * noise.weights, {n});
      out.xt = rows(a * unsqueeze(p.points, 1) + s * eps, n);
    } else {
      out.weight = noise.weights;
      out.xt = a * law.tagged("dist").sample(q, key) + s * eps;
    }
    out.t = reshape(broadcast_to(-(eps / s), {k, q, d}), {n, 1, d});
    out.target = law.tagged("target").noised(inside.alpha, inside.sigma).score(out.xt);
    if (c.defined()) out.c = broadcast_to(c, {n, c.extent(1)});
    return out;
  };
  return {d, d, k, law.options(), draw};
}

Plan plan_any(const AnyDistribution& law, const Tensor& c, const Noising& level, bool exact, Where at) {
  const std::optional<LawBatch> batch = as_batch(law);
  return batch ? plan_law(*batch, c, level, exact, at) : plan_other(law, c, level, exact, at);
}

}  // namespace

std::optional<LawBatch> as_batch(const AnyDistribution& law) {
  if (const std::optional<Mixture> m = law.mixture()) return batch(*m);
  if (const FiniteData* p = law.as<FiniteData>()) return batch(*p);
  return {};
}

Plan plan(const Generated& setup, const Noising& level, bool exact, Where at) {
  return plan_any(setup.law, leading(setup.c, 2), level, exact, at);
}

Plan plan(const FreeCondition& setup, const Noising& level, bool exact, Where at) {
  return plan_any(setup.law.detached(), leading(setup.c, 2), level, exact, at);
}

Plan plan(const InputDistribution& setup, const Noising& level, bool exact, Where at) { return plan_any(setup.law, {}, level, exact, at); }

Plan plan(const LinearEncoder& setup, const Noising& level, bool, Where at) {
  check_single_level(level, at);
  const int64_t d = setup.data.dim(), m = setup.matrix().extent(0);
  const auto draw = [=](const Nodes& noise, const Key&) {
    const CallerScope scope(at);
    const Noising outside = on_path(level, "dist"), inside = on_path(level, "target");
    const Tensor x = setup.data.tagged("dist").at(slice_axis(noise.z, 1, 0, d));
    const Tensor eta = slice_axis(noise.z, 1, d, d + m), eps = slice_axis(noise.z, 1, d + m, d + m + d);
    const Tensor s = outside.sigma.like(x);
    Draws out;
    out.weight = noise.weights;
    out.xt = outside.alpha.like(x) * x + s * eps;
    out.t = unsqueeze(-(eps / s), 1);
    out.c = matmul(x, transpose(setup.matrix())) + setup.tau.like(x) * eta;
    out.target = setup.tagged("target_w").score(out.xt, out.c.tag("target_c"), inside.alpha, inside.sigma);
    return out;
  };
  return {d, d + m + d, 1, like(setup.data.mean), draw};
}

Plan plan(const NoisyEncoder& setup, const Noising& level, bool exact, Where at) {
  check_single_level(level, at);
  if (!exact) check_fixed_weights(setup.data, at);
  const Tensor codes = setup.codes();
  const int64_t n = setup.data.count(), d = setup.data.dim(), m = codes.extent(-1);
  if (codes.rank() != 2 || codes.extent(0) != n)
    throw Error(at, fmt::format("NoisyEncoder: {} data became codes of shape {}", n, to_string(codes.shape())));
  const auto draw = [=](const Nodes& noise, const Key& key) {
    const CallerScope scope(at);
    const Noising outside = on_path(level, "dist"), inside = on_path(level, "target");
    const Tensor eta = slice_axis(noise.z, 1, 0, m), eps = slice_axis(noise.z, 1, m, m + d), &points = setup.data.points;
    const Tensor s = outside.sigma.like(eps), a = outside.alpha.like(eps), tau = setup.tau.like(eps);
    const int64_t q = eps.extent(0);
    Draws out;
    if (exact) {
      const Shape all{n, q, d};
      out.weight = reshape(unsqueeze(exp(setup.data.log_probabilities()), 1) * noise.weights, {n * q});
      out.xt = rows(a * unsqueeze(points, 1) + s * eps, n * q);
      out.t = reshape(broadcast_to(-(eps / s), all), {n * q, 1, d});
      out.c = rows(unsqueeze(codes, 1) + tau * eta, n * q);
    } else {
      const Tensor index = setup.data.sample_index(q, key);
      out.weight = noise.weights;
      out.xt = a * index_select(points, 0, index) + s * eps;
      out.t = unsqueeze(-(eps / s), 1);
      out.c = index_select(codes, 0, index) + tau * eta;
    }
    const NoisyEncoder inner{setup.data, setup.encode, setup.tau.tagged("target_w")};
    out.target = inner.score(out.xt, out.c.tag("target_c"), codes.tag("target_w"), inside.alpha, inside.sigma);
    return out;
  };
  return {d, m + d, exact ? n : 1, like(setup.data.points), draw};
}

}  // namespace scoregrad::losses
