#include "autograd/graph/sweep.h"

#include "autograd/graph/observer.h"
#include "autograd/graph/order.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad {
namespace {

void attend(Node& node, Cotangent& g);

// The rule of one step, with what it reads and writes for each operand.
struct Rule {
  std::pmr::vector<Cotangent> flows;
  std::pmr::vector<char> wanted;
  explicit Rule(Order& order) : flows(order.room()), wanted(order.room()) {}
  bool pull(Order& order, const Step& y, const Cotangent& g, Paths* paths);
  Cotangent push(Order& order, const Step& y, Paths* paths);
};

}  // namespace

// From the result down, a node's cotangent is complete when its turn comes:  g_x = sum over all y that x enters of (dy/dx)' g_y.
std::vector<Cotangent> sweep_back(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                  const SweepOptions& options) {
  const RecordingScope recording(options.record);
  Order order(sources, targets, options.cut);
  order.put(sources, seeds);
  Rule rule(order);
  for (size_t i = order.size(); i-- > 0;) {
    Step& y = order[i];
    if (!y.useful || y.flow.empty() || (y.is_end && options.cut)) continue;  // beyond a cut it is complete in the outer sweep only
    attend(*y.node, y.flow);
    const Cotangent g = y.is_end ? y.flow : std::move(y.flow);
    if (!rule.pull(order, y, g, options.paths)) continue;
    for (size_t k = 0; k < rule.flows.size(); ++k)
      if (rule.wanted[k]) order.operand(y, k)->flow += std::move(rule.flows[k]);
  }
  return order.at(targets);
}

// From the arguments up, each node's tangent follows from its operands':  t_y = sum over its operands x of (dy/dx) t_x.
std::vector<Cotangent> sweep_forward(std::span<Node* const> sources, std::span<const Cotangent> seeds, std::span<Node* const> targets,
                                     const SweepOptions& options) {
  const RecordingScope recording(options.record);
  Order order(targets, sources, options.cut);
  order.put(sources, seeds);
  Rule rule(order);
  for (size_t i = 0; i < order.size(); ++i) {
    Step& y = order[i];
    if (!y.useful || (y.is_end && options.cut)) continue;
    y.flow += rule.push(order, y, options.paths);
  }
  return order.at(targets);
}

namespace {

// What the observer computes is not reported to it.
template <class Tell>
void report(Tell&& tell) {
  if (!mode.observer) return;
  struct Silence {
    Observer* observer = std::exchange(mode.observer, nullptr);
    ~Silence() { mode.observer = observer; }
  } silence;
  tell(*silence.observer);
}

// Hooks, retained gradients and the observer get a cotangent that is complete.
void attend(Node& node, Cotangent& g) {
  if (node.extras_if_any()) {
    Node::Extras& extras = node.extras();
    for (const auto& hook : extras.hooks)
      for (int p = 0; p < g.size(); ++p)
        if (Tensor changed = hook(g[p].value); changed.defined()) {
          if (changed.shape() != node.shape || changed.dtype() != node.dtype)
            throw misfit(node.at, node.op(), "what a hook returns", kind_of(node.dtype, node.shape), kind_of(changed));
          g[p].value = changed;
        }
    if (extras.retains_grad) extras.grad = g.total().detach();
  }
  report([&](Observer& o) { o.swept(node, g.total()); });
}

// flows[k] = (dy/dx_k)' g where an end lies below operand k; false if nothing is wanted.
bool Rule::pull(Order& order, const Step& y, const Cotangent& g, Paths* paths) {
  const size_t count = y.node->operands().size();
  wanted.assign(count, 0);
  bool any = false;
  for (size_t k = 0; k < count; ++k) {
    const Step* x = order.operand(y, k);
    wanted[k] = x && x->useful;
    any = any || wanted[k];
  }
  if (!any) return false;
  flows.clear();
  flows.resize(count);
  const LineScope line(y.node->at);
  y.node->pull(g, flows, wanted, paths);
  report([&](Observer& o) { o.pulled(*y.node, flows); });
  return true;
}

// The sum of (dy/dx_k) t_k over operands with a tangent; empty if none has one.
Cotangent Rule::push(Order& order, const Step& y, Paths* paths) {
  flows.assign(y.node->operands().size(), {});
  bool any = false;
  for (size_t k = 0; k < flows.size(); ++k)
    if (const Step* x = order.operand(y, k)) {
      flows[k] = x->flow;
      any = any || !flows[k].empty();
    }
  if (!any) return {};
  const LineScope line(y.node->at);
  return y.node->push(flows, paths);
}

}  // namespace
}  // namespace scoregrad
