#include "autograd/graph/checkpoint.h"

#include <algorithm>
#include <optional>

#include "autograd/graph/deep.h"
#include "autograd/graph/order.h"
#include "autograd/graph/sweep.h"

namespace scoregrad {
namespace {

// An argument as f sees it: where a sweep through a run of f ends, while the history goes on to the caller's tensor.
struct ArgumentNode final : Node {
  using Node::Node;
  const char* op() const override { return "argument"; }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override { out[0] = g; }
  Tensor jvp(std::span<const Tensor> t) const override { return t[0]; }
};

// One recorded run of f: its result, and the nodes at its border: those of the arguments (null where untracked).
struct Run {
  std::vector<Node*> arguments;
  Tensors in;
  Tensor y;
  Run(const Functions& f, const Tensors& xs, Where at) {
    const RecordingScope recording(true);
    const LineScope own_lines{Where{}};
    const FunctionScope function(at);
    for (const Tensor& x : xs) {
      in.push_back(alias(x));
      if (x.tracked()) {
        Ref<Node> argument(new ArgumentNode(x, x.node()->at));
        argument->set_operand(0, x);
        in.back().body().producer = std::move(argument);
      }
      arguments.push_back(in.back().node());
    }
    y = f(in);
  }
};

// Operands: the arguments in order, then what f captured.
struct CheckpointNode final : Node {
  Functions f;
  std::vector<Saved> xs;
  CheckpointNode(const Tensor& y, Where line, const Functions& function, const Tensors& arguments) : Node(y, line), f(function) {
    for (const Tensor& x : arguments) xs.push_back(Saved::operand(x));
  }
  const char* op() const override { return "checkpoint"; }
  int saved_count() const override { return static_cast<int>(xs.size()); }

  Run run() const {
    const RecomputationScope again;
    const RecordingScope recording(true);  // saved operands with their history
    Tensors arguments;
    for (const Saved& x : xs) arguments.push_back(x.get(*this));
    return Run(f, arguments, at);
  }
  // The nodes of `r` that answer to this node's operands.
  std::vector<Node*> border(const Run& r) const {
    std::vector<Node*> nodes = r.arguments;
    for (size_t i = nodes.size(); i < operands().size(); ++i) nodes.push_back(operands()[i].get());
    return nodes;
  }

  void pull(const Cotangent& g, std::span<Cotangent> out, std::span<const char> wanted, Paths* paths) const override {
    with_stack([&] { pull_run(g, out, wanted, paths); });  // f may hold checkpoints, which do the same
  }
  void pull_run(const Cotangent& g, std::span<Cotangent> out, std::span<const char> wanted, Paths* paths) const {
    const Run r = run();
    std::vector<Node*> targets = border(r);
    for (size_t i = 0; i < targets.size(); ++i)
      if (!wanted[i]) targets[i] = nullptr;
    Node* const source = r.y.node();
    const std::vector<Cotangent> parts =
        sweep_back({&source, 1}, {&g, 1}, targets, {.record = mode.recording, .paths = paths, .cut = true});
    std::copy(parts.begin(), parts.end(), out.begin());
  }
  Cotangent push(std::span<const Cotangent> t, Paths* paths) const override {
    Cotangent out;
    with_stack([&] {
      const Run r = run();
      Node* const target = r.y.node();
      out = sweep_forward(border(r), t, {&target, 1}, {.record = mode.recording, .paths = paths, .cut = true})[0];
    });
    return out;
  }
  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char> wanted) const override {
    Cotangent whole;
    whole.add(0, g);
    std::vector<Cotangent> parts(out.size());
    pull(whole, parts, wanted, nullptr);
    for (size_t i = 0; i < out.size(); ++i) out[i] = parts[i].total();
  }
  Tensor jvp(std::span<const Tensor> t) const override {
    std::vector<Cotangent> tangents(t.size());
    for (size_t i = 0; i < t.size(); ++i)
      if (t[i].defined()) tangents[i].add(0, t[i]);
    return push(tangents, nullptr).total();
  }
};

// The nodes up to `last`, older than the run, that it reads other than through its arguments.
std::vector<Ref<Node>> captured(const Run& r, uint64_t last) {
  std::vector<Ref<Node>> found;
  Node* const root = r.y.node();
  const auto take = [&](const Ref<Node>& n) {
    if (n && n->id <= last && std::find_if(found.begin(), found.end(), [&](const auto& m) { return m.get() == n.get(); }) == found.end())
      found.push_back(n);
  };
  if (root->id <= last) return {Ref<Node>(root)};  // f returned something captured
  for (Node* n : reachable({&root, 1}, last + 1)) {
    if (std::find(r.arguments.begin(), r.arguments.end(), n) != r.arguments.end()) continue;
    for (const Ref<Node>& operand : n->operands()) take(operand);
  }
  return found;
}

}  // namespace

Tensor checkpoint(const Functions& f, const Tensors& xs, Where at) {
  const FunctionScope function(at);
  if (!mode.recording) {
    Tensor y;
    with_stack([&] { y = f(xs); });
    return y;
  }
  const uint64_t last = newest_node();
  std::vector<Ref<Node>> operands;
  Tensor y;
  {
    std::optional<Run> r;
    with_stack([&] { r.emplace(f, xs, at); });
    y = r->y;
    if (!y.tracked()) return y;
    for (const Tensor& x : xs) operands.emplace_back(x.node());
    for (Ref<Node>& n : captured(*r, last)) operands.push_back(std::move(n));
    y = alias(y);
  }                                                  // the first run's graph ends here
  auto* const n = new CheckpointNode(y, at, f, xs);  // over nodes: what f captured may have no tensor any more
  n->set_operands(std::move(operands));
  y.body().producer = Ref<Node>(n);
  if (mode.observer) announce("checkpoint", at, y);
  return y;
}

Tensor checkpoint(const Function& f, const Tensor& x, Where at) {
  return checkpoint([f](const Tensors& xs) { return f(xs[0]); }, Tensors{x}, at);
}

}  // namespace scoregrad
