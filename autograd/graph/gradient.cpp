#include "autograd/graph/gradient.h"

#include <fmt/format.h>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/sweep.h"
#include "autograd/tensor/create.h"

namespace scoregrad {
namespace {

Tensor seed_of(const Tensor& y, const GradOptions& o, const char* op, Where at) {
  if (!y.tracked()) throw Error(at, fmt::format("{}: nothing that requires a gradient was used to compute this tensor", op));
  if (o.seed.defined()) {
    if (o.seed.shape() != y.shape() || o.seed.dtype() != y.dtype())
      throw Error(at, fmt::format("{}: a seed of {} {} for a tensor of {} {}", op, name_of(o.seed.dtype()), to_string(o.seed.shape()),
                                  name_of(y.dtype()), to_string(y.shape())));
    return o.seed;
  }
  if (y.numel() != 1)
    throw Error(
        at, fmt::format("{}: a tensor of shape {} has several elements: give a seed, or take its sum or mean", op, to_string(y.shape())));
  return ones_like(y, at);
}

std::vector<Cotangent> cotangents(const char* op, const Tensor& y, const Tensors& xs, const GradOptions& o, Paths* paths, Where at) {
  Cotangent seed;
  seed.add(0, seed_of(y, o, op, at));
  std::vector<Node*> targets;
  targets.reserve(xs.size());
  for (const Tensor& x : xs) {
    if (!x.tracked())
      throw Error(at, fmt::format("{}: {} does not require a gradient; call requires_grad() before using it", op,
                                  x.defined() ? "a tensor of shape " + to_string(x.shape()) : "an undefined tensor"));
    targets.push_back(x.node());
  }
  Node* const source = y.node();
  const LineScope line(at);
  std::vector<Cotangent> g = sweep_back({&source, 1}, {&seed, 1}, targets, {.record = o.create_graph, .paths = paths});
  for (size_t i = 0; i < xs.size(); ++i)
    if (g[i].empty() && !o.allow_unused)
      throw Error(at, fmt::format("{}: the result does not depend on '{}' of shape {}; set allow_unused for zeros", op, xs[i].name(),
                                  to_string(xs[i].shape())));
  return g;
}

Tensor or_zeros(const Tensor& g, const Tensor& x) { return g.defined() ? g : zeros_like(x); }

GradByPath split(const Cotangent& c, const Paths& paths, const Tensor& like) {
  GradByPath out;
  for (int p = 0; p < c.size(); ++p) out.by_path[paths.name(c[p].path)] = c[p].value;
  out.total = or_zeros(c.total(), like);
  return out;
}

// A fresh leaf over the same bytes.
Tensor leaf(const Tensor& x, Where at) { return alias(x).requires_grad(at); }

Cotangent push(const Tensor& y, const Tensors& xs, const Tensors& vs, bool create_graph, Paths* paths, Where at) {
  if (xs.size() != vs.size()) throw Error(at, fmt::format("pushforward: {} tensors and {} tangents", xs.size(), vs.size()));
  std::vector<Node*> sources;
  std::vector<Cotangent> seeds(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) {
    if (!xs[i].tracked()) throw Error(at, "pushforward: a tensor does not require a gradient");
    if (vs[i].shape() != xs[i].shape() || vs[i].dtype() != xs[i].dtype())
      throw Error(at, fmt::format("pushforward: a tangent of {} {} for a tensor of {} {}", name_of(vs[i].dtype()), to_string(vs[i].shape()),
                                  name_of(xs[i].dtype()), to_string(xs[i].shape())));
    sources.push_back(xs[i].node());
    seeds[i].add(0, vs[i]);
  }
  Node* const target = y.node();
  const LineScope line(at);
  return sweep_forward(sources, seeds, {&target, 1}, {.record = create_graph, .paths = paths})[0];
}

}  // namespace

Tensors grad(const Tensor& y, const Tensors& xs, const GradOptions& options, Where at) {
  const std::vector<Cotangent> g = cotangents("grad", y, xs, options, nullptr, at);
  Tensors out;
  out.reserve(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) out.push_back(or_zeros(g[i].total(), xs[i]));
  return out;
}

Tensor grad(const Tensor& y, const Tensor& x, const GradOptions& options, Where at) { return grad(y, Tensors{x}, options, at)[0]; }

Tensor GradByPath::along(const std::string& path) const {
  const auto it = by_path.find(path);
  return it == by_path.end() ? zeros_like(total) : it->second;
}

std::vector<GradByPath> grad_by_path(const Tensor& y, const Tensors& xs, const GradOptions& options, Where at) {
  Paths paths;
  const std::vector<Cotangent> g = cotangents("grad_by_path", y, xs, options, &paths, at);
  const RecordingScope scope(options.create_graph);
  std::vector<GradByPath> out;
  for (size_t i = 0; i < xs.size(); ++i) out.push_back(split(g[i], paths, xs[i]));
  return out;
}

GradByPath grad_by_path(const Tensor& y, const Tensor& x, const GradOptions& options, Where at) {
  return grad_by_path(y, Tensors{x}, options, at)[0];
}

ValueAndGrad value_and_grad(const Functions& f, const Tensors& xs, const GradOptions& options, Where at) {
  const RecordingScope scope(true);
  Tensors leaves;
  for (const Tensor& x : xs) leaves.push_back(options.create_graph && x.tracked() ? x : leaf(x, at));
  Tensor y = f(leaves);
  Tensors grads = grad(y, leaves, options, at);
  return {options.create_graph ? y : y.detach(), std::move(grads)};
}

Tensor pushforward(const Tensor& y, const Tensors& xs, const Tensors& vs, bool create_graph, Where at) {
  return or_zeros(push(y, xs, vs, create_graph, nullptr, at).total(), y);
}

GradByPath pushforward_by_path(const Tensor& y, const Tensor& x, const Tensor& v, bool create_graph, Where at) {
  Paths paths;
  const Cotangent t = push(y, {x}, {v}, create_graph, &paths, at);
  const RecordingScope scope(create_graph);
  return split(t, paths, y);
}

ValueAndTangent jvp(const Function& f, const Tensor& x, const Tensor& v, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Tensor in = create_graph && x.tracked() ? x : leaf(x, at);
  const Tensor y = f(in);
  return {create_graph ? y : y.detach(), pushforward(y, {in}, {v}, create_graph, at)};
}

ValueAndCotangent vjp(const Function& f, const Tensor& x, const Tensor& u, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Tensor in = create_graph && x.tracked() ? x : leaf(x, at);
  const Tensor y = f(in);
  if (!y.tracked()) return {y, zeros_like(x)};
  return {create_graph ? y : y.detach(), grad(y, in, {.seed = u, .create_graph = create_graph, .allow_unused = true}, at)};
}

Tensor hvp(const Function& f, const Tensor& x, const Tensor& v, bool create_graph, Where at) {
  const RecordingScope scope(true);
  const Tensor in = create_graph && x.tracked() ? x : leaf(x, at);
  const Tensor g = grad(f(in), in, {.create_graph = true, .allow_unused = true}, at);
  if (!g.tracked()) return zeros_like(x);
  return pushforward(g, {in}, {v}, create_graph, at);
}

void register_hook(const Tensor& x, std::function<Tensor(const Tensor&)> f, Where at) {
  if (!x.tracked()) throw Error(at, "register_hook: this tensor does not require a gradient");
  x.node()->extras().hooks.push_back(std::move(f));
}

}  // namespace scoregrad
