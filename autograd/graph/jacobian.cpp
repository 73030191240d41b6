#include "autograd/graph/jacobian.h"

#include <fmt/format.h>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/history.h"
#include "autograd/graph/transform.h"
#include "autograd/tensor/create.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

Tensors rows(const Application& a, const Tensor& seed, Where at) {
  if (!a.y.tracked()) return a.zeros();
  return grad(a.y, a.xs, {.seed = seed, .create_graph = a.create_graph, .allow_unused = true}, at);
}
Tensor column(const Tensor& y, const Tensor& x, const Tensor& v, bool create_graph, Where at) {
  return pushforward(y, x, v, {.create_graph = create_graph}, at);
}

// Everything the sweeps leave is either history for the caller or scratch.
Tensor finished(const Tensor& t, bool create_graph) {
  if (create_graph) return t;
  Tensor plain = t.detach();
  plain.body().why = Untracked::gradient;
  return plain;
}

Shape joined(const char* op, const Shape& a, const Shape& b, int b_from, Where at) {
  if (a.rank + b.rank - b_from > max_rank)
    throw Error(at, fmt::format("{}: {} by {} has more than {} axes", op, to_string(a), to_string(b), max_rank));
  Shape s = a;
  for (int i = b_from; i < b.rank; ++i) s.push_back(b[i]);
  return s;
}

// Zeros with a one at entry k of each of `count` rows.
Tensor unit(const Tensor& like_this, int64_t count, int64_t k) {
  const int64_t width = like_this.numel() / count;
  Tensor e = zeros_like(like_this);
  e.backend().call({}, calls::Fill{alias(e, {count}, {width}, k).view(), {1, 1}});
  return e;
}

// The Jacobians of `count` rows that do not see each other; an ordinary Jacobian is that of one row.   [count, |T|, |S_i|]
Tensors by_rows(const Application& a, int64_t count, Where at) {
  int64_t inputs = 0;
  for (const Tensor& x : a.xs) inputs += x.numel() / count;
  const int64_t outputs = a.y.numel() / count;
  const RecordingScope scope(a.create_graph);
  std::vector<Tensors> parts(a.xs.size());
  if (inputs < outputs) {
    for (size_t i = 0; i < a.xs.size(); ++i)
      for (int64_t k = 0; k < a.xs[i].numel() / count; ++k)
        parts[i].push_back(reshape(column(a.y, a.xs[i], unit(a.xs[i], count, k), a.create_graph, at), {count, outputs}));
  } else {
    for (int64_t k = 0; k < outputs; ++k) {
      const Tensors g = rows(a, unit(a.y, count, k), at);
      for (size_t i = 0; i < g.size(); ++i) parts[i].push_back(reshape(g[i], {count, a.xs[i].numel() / count}));
    }
  }
  Tensors out;
  for (size_t i = 0; i < parts.size(); ++i)
    out.push_back(parts[i].empty() ? zeros({count, outputs, a.xs[i].numel() / count}, like(a.xs[i]), at)
                                   : stack(parts[i], inputs < outputs ? 2 : 1, at));
  return out;
}

// The Jacobians in their shapes: y's, then x's, of which the first `shared` axes are y's own.
Tensors shaped(const char* op, const Application& a, int64_t count, int shared, const GradOptions& options, Where at) {
  refuse_seed(op, options, at);
  std::vector<Shape> shapes;
  for (const Tensor& x : a.xs) shapes.push_back(joined(op, a.y.shape(), x.shape(), shared, at));
  const Tensors flat = count == 0 ? Tensors() : by_rows(a, count, at);
  const RecordingScope scope(a.create_graph);
  Tensors out;
  for (size_t i = 0; i < shapes.size(); ++i)
    out.push_back(flat.empty() ? zeros(shapes[i], like(a.xs[i]), at) : finished(reshape(flat[i], shapes[i]), a.create_graph));
  return out;
}

void check_rows(const char* op, const Tensor& y, const Tensor& x, Where at) {
  if (x.rank() < 1 || y.rank() < 1 || y.shape()[0] != x.shape()[0])
    throw misfit(at, op, "x and f(x)", "[n, ..] and [n, ..]", extents_of({x, y}));
}
void check_field(const Tensor& y, const Tensor& x, Where at) {
  check_rows("divergence", y, x, at);
  if (x.rank() != 2 || y.shape() != x.shape()) throw misfit(at, "divergence", "x and f(x)", "[n, d] and [n, d]", extents_of({x, y}));
}

// One forward sweep a coordinate.
Tensor trace_of(const Tensor& y, const Tensor& x, bool create_graph, Where at) {
  const int64_t count = x.shape()[0], width = x.shape()[1];
  Tensor total = zeros({count}, like(x), at);
  const RecordingScope scope(create_graph);
  for (int64_t k = 0; count > 0 && k < width; ++k) {
    const Tensor entry = select(column(y, x, unit(x, count, k), create_graph, at), 1, k);
    total = k == 0 ? entry : add(total, entry);
  }
  return finished(total, create_graph);
}

}  // namespace

Tensors jacobian(const Functions& f, const Tensors& xs, const GradOptions& options, Where at) {
  return shaped("jacobian", Application(f, xs, options, at), 1, 0, options, at);
}
Tensor jacobian(const Function& f, const Tensor& x, const GradOptions& options, Where at) {
  return jacobian(of_list(f), Tensors{x}, options, at)[0];
}

Tensor batch_jacobian(const Function& f, const Tensor& x, const GradOptions& options, Where at) {
  const Application a(of_list(f), {x}, options, at);
  check_rows("batch_jacobian", a.y, x, at);
  return shaped("batch_jacobian", a, x.shape()[0], 1, options, at)[0];
}

Tensor hessian(const Function& f, const Tensor& x, const GradOptions& options, Where at) {
  refuse_seed("hessian", options, at);
  const Application a(of_list(f), {x}, options, at);
  if (a.y.numel() != 1) throw misfit(at, "hessian", "f(x)", "one number", a.y);
  const Shape shape = joined("hessian", x.shape(), x.shape(), 0, at);
  if (x.numel() == 0 || !a.y.tracked()) return zeros(shape, like(x), at);
  const Tensor g = grad(a.y, a.xs[0], {.create_graph = true, .allow_unused = true}, at);
  const RecordingScope scope(a.create_graph);
  Tensors columns;  // forward over reverse; symmetric, so the columns are the rows
  for (int64_t k = 0; k < x.numel(); ++k) columns.push_back(column(g, a.xs[0], unit(a.xs[0], 1, k), a.create_graph, at));
  return finished(reshape(stack(columns, 0, at), shape), a.create_graph);
}

ValueAndDivergence divergence(const Function& f, const Tensor& x, const GradOptions& options, Where at) {
  refuse_seed("divergence", options, at);
  const Application a(of_list(f), {x}, options, at);
  check_field(a.y, x, at);
  return {a.value(), trace_of(a.y, a.xs[0], a.create_graph, at)};
}

Tensor divergence(const Tensor& y, const Tensor& x, const GradOptions& options, Where at) {
  refuse_seed("divergence", options, at);
  need_tracked("divergence", x, at);
  check_field(y, x, at);
  return trace_of(y, x, options.create_graph, at);
}

ValueAndDivergence divergence(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options, Where at) {
  refuse_seed("divergence", options, at);
  const Application a(of_list(f), {x}, options, at);
  check_field(a.y, x, at);
  const bool several = v.rank() == 3;
  Shape one = v.shape();
  if (several) one = {v.shape()[1], v.shape()[2]};
  if (one != x.shape() || (several && v.shape()[0] == 0))
    throw misfit(at, "divergence", fmt::format("the probes of x {}", to_string(x.shape())), "[n, d] or [m, n, d]", v);
  const RecordingScope scope(a.create_graph);
  const auto estimate = [&](const Tensor& probe) { return sum(mul(probe, column(a.y, a.xs[0], probe, a.create_graph, at)), {1}, false); };
  if (!several) return {a.value(), finished(estimate(v), a.create_graph)};
  const int64_t count = v.shape()[0];
  Tensor total;
  for (int64_t m = 0; m < count; ++m) {
    const Tensor part = estimate(select(v, 0, m));
    total = m == 0 ? part : add(total, part);
  }
  return {a.value(), finished(mul(total, 1.0 / static_cast<double>(count)), a.create_graph)};
}

}  // namespace scoregrad
