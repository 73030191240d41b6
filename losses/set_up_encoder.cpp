// Set-ups in which the condition is computed from the datum, c = f(x) + tau eta. The parameters of f reach x_t nowhere: they lie on the
// network's path and, inside the target, on "target_c", through c, and "target_w", through the posterior weights.
#include <fmt/format.h>

#include <algorithm>

#include "losses/set_ups.h"

#include "autograd/tensor/misfit.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

void check_level(const Level& level, const Number& tau, Where at) {
  if (!level.alpha.is_single() || !level.sigma.is_single()) throw Error(at, "an encoder takes one noise level, a number or a 0-d tensor");
  if (!tau.is_single() || !(tau.value(at) >= 0)) throw Error(at, "an encoder's tau must be a single number that is not negative");
}

}  // namespace

Population set_up(const LinearEncoder& setup, const Level& level, Where at) {
  const CallerScope scope(at);
  check_level(level, setup.tau, at);
  const int64_t d = setup.data.dim(), m = setup.matrix().extent(0);
  const auto seen = [=](const Tensor& x, const Tensor& eta) { return matmul(x, transpose(setup.matrix())) + setup.tau.like(x) * eta; };
  const auto spread = [=] {
    const Tensor covariance = setup.posterior(at).covariance;
    return Gaussian::with_covariance(zeros({d}, like(covariance)), covariance, at);
  };
  const auto mean = [=](const Rows& rows) {
    const auto posterior = setup.posterior(at);
    return posterior.offset + matmul(rows.c, transpose(posterior.gain));
  };
  Population p;
  p.dim = d;
  p.options = like(setup.data.mean);
  p.c_is_drawn = true;
  p.conditioning = [=] {
    const NoGrad guard;
    // x_t is as wide as the data, and what s* sees of it as narrow as the law given c.
    const Tensor covariance = setup.posterior(at).covariance, a = level.alpha.like(covariance), s = level.sigma.like(covariance);
    const Tensor narrow = inverse(cholesky(square(a) * covariance + square(s) * eye(d, like(covariance))));
    const double ratio = (a * (norm(setup.data.mean) + norm(setup.data.factor)) * norm(narrow)).item();
    return 1 + ratio * (m < d ? ratio : 1);  // the covariance of what is not seen is a difference
  };
  p.integrals = {{d + m + d, 1, 1, [=](const Nodes& nodes) {
                    const CallerScope line(at);
                    const Level outside = on_path(level, "dist");
                    const Tensor x = setup.data.tagged("dist").at(slice_axis(nodes.z, 1, 0, d)),
                                 eps = slice_axis(nodes.z, 1, d + m, d + m + d);
                    const Tensor s = outside.sigma.like(x);
                    Rows rows{.x = x, .eps = eps, .xt = outside.alpha.like(x) * x + s * eps, .t = -(eps / s), .level = outside};
                    rows.c = seen(x, slice_axis(nodes.z, 1, d, d + m));
                    rows.weight = nodes.weights;
                    return rows;
                  }}};
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope line(at);
    const Key of_x = key.fold("x");
    const Tensor x = setup.data.tagged("dist").sample(n, of_x.fold("x"), at);
    Rows rows = noised(x, on_path(level, "dist"), key);
    rows.c = seen(x, normal({n, m}, of_x.fold("eta"), like(x)));
    return rows;
  };
  p.stratified = [draw = p.draw](int64_t n, const Key& key) { return alike(draw(n, key)); };
  p.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope line(at);
    return {unsqueeze(mean(rows), 1) + reshape(spread().sample(rows.count() * k, key, at), {rows.count(), k, d})};
  };
  p.score = [=](const Rows& rows) {
    const CallerScope line(at);
    const Level inside = on_path(level, "target");
    return setup.tagged("target_w").score(rows.xt, rows.c.tag("target_c"), inside.alpha, inside.sigma, at);
  };
  p.log_density = [=](const Rows& rows, const Tensor& x) {
    const CallerScope line(at);
    const int64_t n = x.extent(0), k = x.extent(1);
    return reshape(spread().log_density(reshape(x - unsqueeze(mean(rows), 1), {n * k, x.extent(2)}), at), {n, k});
  };
  p.second = [=](const Rows& rows, const Key& key) -> SecondDraw {
    const CallerScope line(at);
    return {given_gaussian(rows, mean(rows), spread().factor, key)};
  };
  return p;
}

Population set_up(const NoisyEncoder& setup, const Level& level, Where at) {
  const CallerScope scope(at);
  check_level(level, setup.tau, at);
  if (setup.data.spread.defined()) throw Error(at, "the data of a NoisyEncoder must be points without spread");
  const FiniteData& data = setup.data;
  const Tensor all_codes = setup.codes();
  if (all_codes.rank() != 2 || all_codes.extent(0) != data.count())
    throw misfit(at, "NoisyEncoder", "the codes", fmt::format("[{}, m]", data.count()), all_codes);
  const int64_t m = all_codes.extent(1), d = data.dim();
  Population p = of_points(data, level, at);
  p.dim = d;
  p.options = like(data.points);
  p.c_is_drawn = true;
  p.conditioning = [=] {
    const NoGrad guard;
    const double of_x = conditioning_of(data.points, level.alpha, level.sigma);
    return setup.tau.value(at) > 0 ? std::max(of_x, conditioning_of(all_codes, 1, setup.tau)) : of_x;
  };
  p.weights_move = data.log_weights.defined() && data.log_weights.tracked();
  p.integrals = {{m + d, data.count(), 1, [=](const Nodes& nodes) {
                    const CallerScope line(at);
                    const Level outside = on_path(level, "dist");
                    const Tensor eta = slice_axis(nodes.z, 1, 0, m), noise = slice_axis(nodes.z, 1, m, m + d);
                    const Tensor s = outside.sigma.like(noise), a = outside.alpha.like(noise);
                    const int64_t n = data.count(), q = noise.extent(0);
                    const auto rows_of = [&](const Tensor& x) { return reshape(x, {n * q, x.extent(-1)}); };
                    Rows rows{.x = rows_of(broadcast_to(unsqueeze(data.points, 1), {n, q, d})),
                              .eps = rows_of(broadcast_to(noise, {n, q, d})),
                              .xt = rows_of(a * unsqueeze(data.points, 1) + s * noise),
                              .t = rows_of(broadcast_to(-(noise / s), {n, q, d})),
                              .level = outside};
                    rows.c = rows_of(unsqueeze(setup.codes(), 1) + setup.tau.like(noise) * eta);
                    rows.weight = reshape(unsqueeze(exp(data.log_probabilities()), 1) * nodes.weights, {n * q});
                    return rows;
                  }}};
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope line(at);
    check_fixed_weights(data.log_weights, "a data set", at);
    const Tensor index = data.sample_index(n, key.fold("x"), at), x = index_select(data.points, 0, index), code = setup.encode(x);
    Rows rows = noised(x, on_path(level, "dist"), key);
    rows.index = index;
    rows.c = code + setup.tau.like(x) * normal(code.shape(), key.fold("eta"), like(x));
    return rows;
  };
  p.stratified = [draw = p.draw](int64_t n, const Key& key) { return alike(draw(n, key)); };
  p.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope line(at);
    const Subset s = subset(rows, data.count(), k, key, at);
    const Tensor x = index_select(data.points, 0, s.data), codes = setup.encode(x);
    Tensor weight = log_code_weight(rows.c, picked(codes, s.where), setup.tau);
    Tensor own = select(log_code_weight(rows.c, unsqueeze(setup.encode(rows.x), 1), setup.tau), 1, 0);
    if (data.log_weights.defined()) {
      const Tensor log_p = data.log_probabilities();
      weight = weight + picked(index_select(log_p, 0, s.data), s.where);
      own = own + index_select(log_p, 0, rows.index);
    }
    return {picked(x, s.where), weight, own};
  };
  p.score = [=](const Rows& rows) {
    const CallerScope line(at);
    const Level inside = on_path(level, "target");
    const NoisyEncoder inner{data, setup.encode, setup.tau.tagged("target_w")};
    return inner.score(rows.xt, rows.c.tag("target_c"), setup.codes().tag("target_w"), inside.alpha, inside.sigma, at);
  };
  p.second = [=](const Rows& rows, const Key& key) -> SecondDraw {
    const CallerScope line(at);
    return chosen(setup.posterior(rows.xt, rows.c, setup.codes(), level.alpha, level.sigma, at), data.points, key);
  };
  return p;
}

}  // namespace scoregrad::losses
