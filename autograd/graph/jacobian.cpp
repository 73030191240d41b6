#include "autograd/graph/jacobian.h"

#include <fmt/format.h>

#include "autograd/graph/arithmetic.h"
#include "autograd/tensor/create.h"

namespace scoregrad {
namespace {

// f at x, recorded, and the leaf (or, to be differentiated again, x itself) that it was recorded from.
struct Recorded {
  Tensor x, y;
  Recorded(const Function& f, const Tensor& point, bool create_graph, Where at)
      : x(create_graph && point.tracked() ? point : alias(point).requires_grad(at)), y(f(x)) {}
  Tensor row(const Tensor& seed, bool create_graph, Where at) const {
    if (!y.tracked()) return zeros_like(x);
    return grad(y, x, {.seed = seed, .create_graph = create_graph, .allow_unused = true}, at);
  }
  Tensor column(const Tensor& v, bool create_graph, Where at) const { return pushforward(y, {x}, {v}, create_graph, at); }
};

// Everything the sweeps leave is either history for the caller or scratch.
Tensor finished(const Tensor& t, bool create_graph) { return create_graph ? t : t.detach(); }

Shape joined(const Shape& a, const Shape& b, int b_from, Where at) {
  if (a.rank + b.rank - b_from > max_rank)
    throw Error(at, fmt::format("jacobian: {} by {} has more than {} axes", to_string(a), to_string(b), max_rank));
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

// The Jacobians of `count` rows that do not see each other; an ordinary Jacobian is that of one row.   [count, |T|, |S|]
Tensor by_rows(const Recorded& r, int64_t count, bool create_graph, Where at) {
  const int64_t inputs = r.x.numel() / count, outputs = r.y.numel() / count;
  const RecordingScope scope(create_graph);
  Tensors parts;
  if (inputs < outputs) {
    for (int64_t k = 0; k < inputs; ++k) parts.push_back(reshape(r.column(unit(r.x, count, k), create_graph, at), {count, outputs}));
    return stack(parts, 2, at);
  }
  for (int64_t k = 0; k < outputs; ++k) parts.push_back(reshape(r.row(unit(r.y, count, k), create_graph, at), {count, inputs}));
  return stack(parts, 1, at);
}

Tensor whole(const Recorded& r, bool create_graph, Where at) {
  const Shape shape = joined(r.y.shape(), r.x.shape(), 0, at);
  if (numel(shape) == 0) return zeros(shape, like(r.x), at);
  const RecordingScope scope(create_graph);
  return reshape(by_rows(r, 1, create_graph, at), shape);
}

Recorded rowwise(const char* op, const Function& f, const Tensor& x, bool create_graph, Where at) {
  Recorded r(f, x, create_graph, at);
  if (x.rank() < 1 || r.y.rank() < 1 || r.y.shape()[0] != x.shape()[0])
    throw Error(at, fmt::format("{}: f takes {} to {}; a function of rows keeps the first extent", op, to_string(x.shape()),
                                to_string(r.y.shape())));
  return r;
}

Recorded field(const Function& f, const Tensor& x, bool create_graph, Where at) {
  Recorded r = rowwise("divergence", f, x, create_graph, at);
  if (x.rank() != 2 || r.y.shape() != x.shape())
    throw Error(at, fmt::format("divergence: f takes {} to {}; wanted is [B, D] to [B, D]", to_string(x.shape()), to_string(r.y.shape())));
  return r;
}

}  // namespace

Tensor jacobian(const Function& f, const Tensor& x, bool create_graph, Where at) {
  const RecordingScope scope(true);
  return finished(whole(Recorded(f, x, create_graph, at), create_graph, at), create_graph);
}

Tensor batch_jacobian(const Function& f, const Tensor& x, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Recorded r = rowwise("batch_jacobian", f, x, create_graph, at);
  const Shape shape = joined(r.y.shape(), x.shape(), 1, at);
  if (numel(shape) == 0) return zeros(shape, like(x), at);
  const RecordingScope inner(create_graph);
  return finished(reshape(by_rows(r, x.shape()[0], create_graph, at), shape), create_graph);
}

Tensor hessian(const Function& f, const Tensor& x, bool create_graph, Where at) {
  const RecordingScope scope(true);
  Recorded r(f, x, create_graph, at);
  if (r.y.numel() != 1)
    throw Error(at, fmt::format("hessian: f takes {} to {}, not to one number", to_string(x.shape()), to_string(r.y.shape())));
  const Shape shape = joined(x.shape(), x.shape(), 0, at);
  if (x.numel() == 0 || !r.y.tracked()) return zeros(shape, like(x), at);
  r.y = grad(r.y, r.x, {.create_graph = true, .allow_unused = true}, at);
  const RecordingScope inner(create_graph);
  Tensors columns;  // forward over reverse; symmetric, so the columns are the rows
  for (int64_t k = 0; k < x.numel(); ++k) columns.push_back(r.column(unit(r.x, 1, k), create_graph, at));
  return finished(reshape(stack(columns, 0, at), shape), create_graph);
}

ValueAndDivergence divergence(const Function& f, const Tensor& x, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Recorded r = field(f, x, create_graph, at);
  const int64_t count = x.shape()[0], width = x.shape()[1];
  Tensor total = zeros({count}, like(x), at);
  const RecordingScope inner(create_graph);
  for (int64_t k = 0; count > 0 && k < width; ++k) {
    const Tensor entry = select(r.column(unit(r.x, count, k), create_graph, at), 1, k);
    total = k == 0 ? entry : add(total, entry);
  }
  return {finished(r.y, create_graph), finished(total, create_graph)};
}

ValueAndDivergence divergence(const Function& f, const Tensor& x, const Tensor& v, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Recorded r = field(f, x, create_graph, at);
  const bool several = v.rank() == 3;
  Shape one = v.shape();
  if (several) one = {v.shape()[1], v.shape()[2]};
  if (one != x.shape() || (several && v.shape()[0] == 0))
    throw Error(at, fmt::format("divergence: probes of shape {} for x of shape {}; wanted is [B, D] or [M, B, D]", to_string(v.shape()),
                                to_string(x.shape())));
  const RecordingScope inner(create_graph);
  const auto estimate = [&](const Tensor& probe) { return sum(mul(probe, r.column(probe, create_graph, at)), {1}, false); };
  if (!several) return {finished(r.y, create_graph), finished(estimate(v), create_graph)};
  const int64_t count = v.shape()[0];
  Tensor total;
  for (int64_t m = 0; m < count; ++m) {
    const Tensor part = estimate(select(v, 0, m));
    total = m == 0 ? part : add(total, part);
  }
  return {finished(r.y, create_graph), finished(mul(total, 1.0 / static_cast<double>(count)), create_graph)};
}

}  // namespace scoregrad
