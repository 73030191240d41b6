#include "autograd/graph/gradient.h"

#include <fmt/format.h>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/history.h"
#include "autograd/graph/sweep.h"
#include "autograd/graph/transform.h"
#include "autograd/tensor/create.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

Tensor seed_of(const char* op, const Tensor& y, const GradOptions& o, Where at) {
  need_history(op, y, at);
  if (o.seed.defined()) {
    check_like(at, op, "the seed", y, o.seed);
    return o.seed;
  }
  if (y.numel() != 1)
    throw Error(
        at, fmt::format("{}: a tensor of shape {} has several elements: give a seed, or take its sum or mean", op, to_string(y.shape())));
  return ones_like(y, at);
}

// A derivative for the user, who may forget that it has no history.
Tensor answer(const Cotangent& c, const Tensor& like, const GradOptions& o) {
  Tensor total = c.total();
  if (!total.defined()) return zeros_like(like);
  if (!o.create_graph && !total.tracked()) total.body().why = Untracked::gradient;
  return total;
}

GradByPath split(const Cotangent& c, const Paths& paths, const Tensor& like, const GradOptions& o) {
  const RecordingScope scope(o.create_graph);
  GradByPath out;
  for (int p = 0; p < c.size(); ++p) out.by_path[paths.name(c[p].path)] = c[p].value;
  out.total = answer(c, like, o);
  return out;
}

std::vector<Cotangent> pull(const char* op, const Tensor& y, const Tensors& xs, const GradOptions& o, Paths* paths, Where at) {
  Cotangent seed;
  seed.add(0, seed_of(op, y, o, at));
  std::vector<Node*> targets;
  targets.reserve(xs.size());
  for (const Tensor& x : xs) {
    need_tracked(op, x, at);
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

std::vector<Cotangent> push(const char* op, const Tensors& ys, const Tensors& xs, const Tensors& vs, const GradOptions& o, Paths* paths,
                            Where at) {
  refuse_seed(op, o, at);
  if (xs.size() != vs.size()) throw Error(at, fmt::format("{}: {} tensors and {} tangents", op, xs.size(), vs.size()));
  std::vector<Node*> sources, targets;
  std::vector<Cotangent> seeds(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) {
    need_tracked(op, xs[i], at);
    check_like(at, op, "a tangent", xs[i], vs[i]);
    sources.push_back(xs[i].node());
    seeds[i].add(0, vs[i]);
  }
  for (const Tensor& y : ys) targets.push_back(y.node());
  const LineScope line(at);
  return sweep_forward(sources, seeds, targets, {.record = o.create_graph, .paths = paths});
}

Tensors gradients(const char* op, const Tensor& y, const Tensors& xs, const GradOptions& o, Where at) {
  const std::vector<Cotangent> g = pull(op, y, xs, o, nullptr, at);
  const RecordingScope scope(o.create_graph);
  Tensors out;
  out.reserve(xs.size());
  for (size_t i = 0; i < xs.size(); ++i) out.push_back(answer(g[i], xs[i], o));
  return out;
}

Tensor tangent(const char* op, const Tensor& y, const Tensors& xs, const Tensors& vs, const GradOptions& o, Where at) {
  const RecordingScope scope(o.create_graph);
  return answer(push(op, {y}, xs, vs, o, nullptr, at)[0], y, o);
}

}  // namespace

Tensors grad(const Tensor& y, const Tensors& xs, const GradOptions& options, Where at) { return gradients("grad", y, xs, options, at); }
Tensor grad(const Tensor& y, const Tensor& x, const GradOptions& options, Where at) { return grad(y, Tensors{x}, options, at)[0]; }

Tensor GradByPath::along(const std::string& path) const {
  const auto it = by_path.find(path);
  return it == by_path.end() ? zeros_like(total) : it->second;
}

std::vector<GradByPath> grad_by_path(const Tensor& y, const Tensors& xs, const GradOptions& options, Where at) {
  Paths paths;
  const std::vector<Cotangent> g = pull("grad_by_path", y, xs, options, &paths, at);
  std::vector<GradByPath> out;
  for (size_t i = 0; i < xs.size(); ++i) out.push_back(split(g[i], paths, xs[i], options));
  return out;
}
GradByPath grad_by_path(const Tensor& y, const Tensor& x, const GradOptions& options, Where at) {
  return grad_by_path(y, Tensors{x}, options, at)[0];
}

Tensor pushforward(const Tensor& y, const Tensors& xs, const Tensors& vs, const GradOptions& options, Where at) {
  return tangent("pushforward", y, xs, vs, options, at);
}
Tensor pushforward(const Tensor& y, const Tensor& x, const Tensor& v, const GradOptions& options, Where at) {
  return pushforward(y, Tensors{x}, Tensors{v}, options, at);
}

GradByPath pushforward_by_path(const Tensor& y, const Tensors& xs, const Tensors& vs, const GradOptions& options, Where at) {
  Paths paths;
  const Cotangent t = push("pushforward_by_path", {y}, xs, vs, options, &paths, at)[0];
  return split(t, paths, y, options);
}
GradByPath pushforward_by_path(const Tensor& y, const Tensor& x, const Tensor& v, const GradOptions& options, Where at) {
  return pushforward_by_path(y, Tensors{x}, Tensors{v}, options, at);
}

ValueAndGrads value_and_grad(const Functions& f, const Tensors& xs, const GradOptions& options, Where at) {
  const Application a(f, xs, options, at);
  return {a.value(), gradients("value_and_grad", a.y, a.xs, options, at)};
}
ValueAndGrad value_and_grad(const Function& f, const Tensor& x, const GradOptions& options, Where at) {
  const ValueAndGrads r = value_and_grad(of_list(f), Tensors{x}, options, at);
  return {r.value, r.grads[0]};
}

ValueAndTangent jvp(const Functions& f, const Tensors& xs, const Tensors& vs, const GradOptions& options, Where at) {
  const Application a(f, xs, options, at);
  return {a.value(), tangent("jvp", a.y, a.xs, vs, options, at)};
}
ValueAndTangent jvp(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options, Where at) {
  return jvp(of_list(f), Tensors{x}, Tensors{v}, options, at);
}

ValueAndCotangents vjp(const Functions& f, const Tensors& xs, const Tensor& u, const GradOptions& options, Where at) {
  refuse_seed("vjp", options, at);
  const Application a(f, xs, options, at);
  if (!a.y.tracked()) return {a.y, a.zeros()};
  return {a.value(), gradients("vjp", a.y, a.xs, {.seed = u, .create_graph = options.create_graph, .allow_unused = true}, at)};
}
ValueAndCotangent vjp(const Function& f, const Tensor& x, const Tensor& u, const GradOptions& options, Where at) {
  const ValueAndCotangents r = vjp(of_list(f), Tensors{x}, u, options, at);
  return {r.value, r.cotangents[0]};
}

Tensors hvp(const Functions& f, const Tensors& xs, const Tensors& vs, const GradOptions& options, Where at) {
  const Application a(f, xs, options, at);
  if (!a.y.tracked()) return a.zeros();
  const Tensors g = gradients("hvp", a.y, a.xs, {.create_graph = true, .allow_unused = true}, at);
  const std::vector<Cotangent> t = push("hvp", g, a.xs, vs, options, nullptr, at);
  const RecordingScope scope(options.create_graph);
  Tensors out;
  for (size_t i = 0; i < xs.size(); ++i) out.push_back(answer(t[i], xs[i], options));
  return out;
}
Tensor hvp(const Function& f, const Tensor& x, const Tensor& v, const GradOptions& options, Where at) {
  return hvp(of_list(f), Tensors{x}, Tensors{v}, options, at)[0];
}

void register_hook(const Tensor& x, std::function<Tensor(const Tensor&)> f, Where at) {
  need_tracked("register_hook", x, at);
  x.node()->extras().hooks.push_back(std::move(f));
}

}  // namespace scoregrad
