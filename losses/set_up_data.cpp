// Finite data as a population, and what its rows have in common with those of an encoder of data.
#include <fmt/format.h>

#include "distributions/categorical.h"
#include "losses/line.h"
#include "losses/set_up_law.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Nodes;

// For each row, `count` of the places 0 .. count in a random order that leave out the row's own; where it is not among them, the last.
Tensor places(const std::vector<int64_t>& own, int64_t count, Device device) {
  std::vector<int64_t> out;
  for (int64_t mine : own)
    for (int64_t j = 0; j < count; ++j) out.push_back(j < mine ? j : j + 1);
  return indices(out, {static_cast<int64_t>(own.size()), count}, device);
}

// Exact rows of points: x_t = alpha x_i + sigma eps for every datum and node.
Integral every_point(const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  const auto rows = [=](const Nodes& nodes) {
    const CallerScope scope(at);
    const Level outside = on_path(level, "dist");
    const FiniteData p = law.tagged("dist");
    const Tensor s = outside.sigma.like(nodes.z, 4), a = outside.alpha.like(nodes.z, 4);
    const int64_t j = p.points.extent(0), k = p.count(), q = nodes.z.extent(0), d = p.dim();
    const Tensor x = broadcast_to(unsqueeze(p.points, -2), {j, k, q, d}), eps = broadcast_to(nodes.z, {j, k, q, d});
    Rows r{.x = x,
           .eps = eps,
           .xt = a * unsqueeze(p.points, -2) + s * nodes.z,
           .t = broadcast_to(-(nodes.z / s), {j, k, q, d}),
           .level = outside};
    if (law.log_weights.defined() && law.log_weights.tracked()) r.partner = broadcast_to(slice_axis(r.xt.detach(), 1, 0, 1), r.xt.shape());
    return in_order(r, exp(p.log_probabilities()), nodes.weights, c);
  };
  return {law.dim(), law.points.extent(0) * law.count(), 1, rows};
}

}  // namespace

Level on_path(const Level& level, const char* label) { return {level.alpha.tagged(label), level.sigma.tagged(label)}; }

Rows noised(const Tensor& x, const Level& level, const Key& key) {
  const Tensor eps = normal(x.shape(), key.fold("eps"), like(x)), s = level.sigma.like(x);
  return {.x = x, .eps = eps, .xt = level.alpha.like(x) * x + s * eps, .t = -(eps / s), .level = level};
}

Rows alike(Rows rows) {
  rows.weight = full({rows.count()}, 1 / static_cast<double>(rows.count()), like(rows.xt));
  return rows;
}

Tensor log_code_weight(const Tensor& c, const Tensor& f, const Number& tau) {
  const Tensor each = f.rank() == 2 ? unsqueeze(f, 0) : f;
  return -0.5 * sum(square((unsqueeze(c, 1) - each) / tau.like(c)), {-1});
}

Subset subset(const Rows& rows, int64_t total, int64_t count, const Key& key, Where at) {
  if (count < 1 || count > total - 1)
    throw Error(at, fmt::format("population: {} others of {} data; there are at most {}", count, total, total - 1));
  const std::vector<int64_t> order = permutation(total, key).to_vector<int64_t>();
  std::vector<int64_t> place(order.size()), own;
  for (size_t i = 0; i < order.size(); ++i) place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  for (int64_t i : rows.index.to_vector<int64_t>()) own.push_back(place[static_cast<size_t>(i)]);
  const Device device = rows.xt.device();
  return {indices(std::vector<int64_t>(order.begin(), order.begin() + count + 1), device), places(own, count, device)};
}

Tensor picked(const Tensor& x, const Tensor& which) {
  Shape shape = which.shape();
  for (int i = 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  return reshape(index_select(x, 0, reshape(which, {which.numel()})), shape);
}

SecondDraw chosen(const Tensor& posterior, const Tensor& points, const Key& key) {
  const Tensor log_r = log(posterior), which = distributions::categorical(log_r, 1, key);
  return {index_select(points, 0, select(which, 1, 0)), select(gather(log_r, 1, which), 1, 0)};
}

void check_fixed_weights(const Tensor& log_weights, const char* of, Where at) {
  if (log_weights.defined() && log_weights.tracked())
    throw Error(at, fmt::format("samples of {} carry no gradient to its weights; leave `samples` of decompose at 0 for the exact sum", of));
}

Population of_points(const distributions::FiniteData& data, const Level& level, Where at) {
  Population p;
  p.others_in_all = data.count() - 1;
  p.draw = [=](int64_t n, const Key& key) {
    const CallerScope scope(at);
    check_fixed_weights(data.log_weights, "a data set", at);
    const Tensor index = data.sample_index(n, key.fold("x"), at);
    Rows rows = noised(index_select(data.tagged("dist").points, 0, index), on_path(level, "dist"), key);
    rows.index = index;
    return rows;
  };
  p.others = [=](const Rows& rows, int64_t k, const Key& key) -> Candidates {
    const CallerScope scope(at);
    const Subset s = subset(rows, data.count(), k, key, at);
    const Tensor x = picked(index_select(data.points, 0, s.data), s.where);
    if (!data.log_weights.defined()) return {x};
    const Tensor log_p = data.log_probabilities();
    return {x, picked(index_select(log_p, 0, s.data), s.where), index_select(log_p, 0, rows.index)};
  };
  p.score = [=](const Rows& rows) {
    const CallerScope scope(at);
    const Level inside = on_path(level, "target");
    return data.tagged("target").noised(inside.alpha, inside.sigma).score(rows.xt, at);
  };
  p.second = [=](const Rows& rows, const Key& key) -> SecondDraw {
    const CallerScope scope(at);
    return chosen(data.noised(level.alpha, level.sigma).posterior(rows.xt, at), data.points, key);
  };
  return p;
}

double conditioning_of(const Tensor& points, const Number& alpha, const Number& sigma) {
  const NoGrad guard;
  return 1 + max(abs(alpha.like(points, points.rank()) * points / sigma.like(points, points.rank()))).item();
}

void sum_over(Population& p, const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  p.integrals = {every_point(law, c, level, at)};
  p.conditioning = [=] { return conditioning_of(law.points, level.alpha, level.sigma); };
  p.weights_move = law.log_weights.defined() && law.log_weights.tracked();
  if (!p.weights_move) return;
  p.line = [=] {
    const NoGrad guard;
    const Tensor distance = norm(law.points - slice_axis(law.points, 1, 0, 1), {-1});
    return line_rule(max(level.alpha.like(distance, 2) * distance / level.sigma.like(distance, 2)).item(), at);
  };
}

// The whole batch can be summed; one data set can be drawn from, too.
Population of_data(const FiniteData& law, const Tensor& c, const Level& level, Where at) {
  const int64_t j = law.points.extent(0);
  Population p;
  if (j == 1) {
    const FiniteData one{select(law.points, 0, 0), law.log_weights.defined() ? select(law.log_weights, 0, 0) : Tensor{}, {}};
    p = of_points(one, level, at);
    if (c.defined())
      p.draw = [draw = p.draw, c](int64_t n, const Key& key) {
        Rows rows = draw(n, key);
        rows.c = broadcast_to(c, {n, c.extent(1)});
        return rows;
      };
  } else {
    p.draw = [=](int64_t, const Key&) -> Rows { throw Error(at, "population: cannot sample from a batch of data sets"); };
    p.score = [=](const Rows& rows) {
      const CallerScope scope(at);
      const Level inside = on_path(level, "target");
      return score_by_runs(law.tagged("target").noised(inside.alpha, inside.sigma), rows.xt, j, at);
    };
  }
  p.stratified = [draw = p.draw](int64_t n, const Key& key) { return alike(draw(n, key)); };
  p.dim = law.dim();
  p.options = like(law.points);
  sum_over(p, law, c, level, at);
  return p;
}

}  // namespace scoregrad::losses
