#include "autograd/graph/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "autograd/graph/order.h"
#include "autograd/graph/sweep.h"
#include "autograd/tensor/create.h"

namespace scoregrad {
namespace {

using Labels = std::vector<int>;  // sorted path numbers

// Okabe and Ito's colours, which remain apart for the colour-blind; grey is path 0.
constexpr const char* palette[] = {"#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442"};
const char* colour(int path) { return path == 0 ? "#D0D0D0" : palette[(path - 1) % static_cast<int>(std::size(palette))]; }
std::string colours(const Labels& labels) {
  std::string s;
  for (int path : labels) s.append(s.empty() ? "" : ":").append(colour(path));
  return s;
}

std::string quoted(const std::string& text) {
  std::string s = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') s += '\\';
    if (c == '\n')
      s += "\\n";
    else
      s += c;
  }
  return s + '"';
}

void merge(Labels& into, const Labels& more) {
  Labels all;
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(all));
  into = std::move(all);
}

class Drawing {
 public:
  Drawing(const Tensor& y, const DrawOptions& options) : options_(options), root_(y.node()), nodes_(reachable({&root_, 1})) {
    for (size_t i = 0; i < nodes_.size(); ++i) number_[nodes_[i]] = i;
    find_paths();
    if (options.gradients) sweep(y);
  }

  std::string text() {
    std::string s =
        "digraph scoregrad {\n"
        "  node [shape=box, fontname=\"sans-serif\", fontsize=10, style=filled, fillcolor=white];\n"
        "  edge [arrowsize=0.6, penwidth=1.5];\n";
    for (const Node* n : nodes_) s += step(*n);
    for (const Node* n : nodes_)
      for (const Ref<Node>& operand : n->operands())
        if (operand)
          s += fmt::format("  n{} -> n{}{};\n", number(operand.get()), number(n),
                           tagged_ ? fmt::format(" [color=\"{}\"]", colours(between(n, operand.get()))) : "");
    if (tagged_) s += legend();
    return s + "}\n";
  }

 private:
  size_t number(const Node* n) const { return number_.at(n) + 1; }

  // The labels that a reverse sweep's cotangent has so far when it reaches each step, by the same walk without the arithmetic; then, from
  // the leaves up, the whole paths that it will have taken when it arrives: those are drawn.
  void find_paths() {
    arriving_.resize(nodes_.size());
    arriving_.back() = {0};
    for (size_t i = nodes_.size(); i-- > 0;) {
      tagged_ = tagged_ || nodes_[i]->label();
      Labels sent;
      for (int path : arriving_[i]) merge(sent, {beyond(i, path)});
      for (const Ref<Node>& operand : nodes_[i]->operands())
        if (operand) merge(arriving_[number_.at(operand.get())], sent);
    }
    ends_.resize(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (int path : arriving_[i]) {
        Labels& ends = ends_[i][path];
        if (nodes_[i]->is_leaf()) ends = {path};
        for (const Ref<Node>& operand : nodes_[i]->operands())
          if (operand) merge(ends, ends_[number_.at(operand.get())].at(beyond(i, path)));
      }
  }
  int beyond(size_t i, int path) {
    const std::string* label = nodes_[i]->label();
    return label ? paths_.below(path, *label) : path;
  }
  Labels through(const Node* n) const {
    Labels all;
    for (const auto& [path, ends] : ends_[number_.at(n)]) merge(all, ends);
    return all;
  }
  Labels between(const Node* n, const Node* operand) {
    const size_t i = number_.at(n);
    Labels all;
    for (int path : arriving_[i]) merge(all, ends_[number_.at(operand)].at(beyond(i, path)));
    return all;
  }

  void sweep(const Tensor& y) {
    std::vector<Node*> leaves;
    for (Node* n : nodes_)
      if (n->is_leaf()) leaves.push_back(n);
    Cotangent seed;
    seed.add(0, ones_like(y));
    GradFlow flow;
    sweep_back({&root_, 1}, {&seed, 1}, leaves, {});
    for (const auto& [id, passage] : flow.passages())
      if (passage.cotangent_norm) gradient_[id] = *passage.cotangent_norm;
  }

  std::string step(const Node& n) const {
    std::string label = n.op();
    if (const std::string a = n.attributes(); !a.empty()) label += " " + a;
    if (n.extras_if_any() && !n.extras_if_any()->name.empty()) label = n.extras_if_any()->name + " = " + label;
    label += fmt::format("\n{}", to_string(n.shape));
    const GradFlow::Passage* seen = nullptr;
    if (options_.flow)
      if (const auto it = options_.flow->passages().find(n.id); it != options_.flow->passages().end()) seen = &it->second;
    if (seen && seen->value_norm)
      label += seen->value.empty() ? fmt::format("\n|value| {:.4g}", *seen->value_norm) : fmt::format("\n{}", seen->value);
    if (const auto it = gradient_.find(n.id); it != gradient_.end())
      label += fmt::format("\n|gradient| {:.4g}", it->second);
    else if (!options_.gradients && seen && seen->cotangent_norm)
      label += fmt::format("\n|gradient| {:.4g}", *seen->cotangent_norm);

    std::string form;
    if (n.label()) form += ", shape=tab";
    if (n.is_leaf()) form += ", shape=ellipse";
    if (&n == root_) form += ", penwidth=2.5";
    if (tagged_) {
      const Labels shown = through(&n);
      form += fmt::format(", fillcolor=\"{}\"", colours(shown));
      if (shown.size() > 1) form += n.is_leaf() ? ", style=wedged" : n.label() ? "" : ", style=striped";
    }
    return fmt::format("  n{} [label={}{}];\n", number(&n), quoted(label), form);
  }

  std::string legend() const {
    Labels used;
    for (const Node* n : nodes_) merge(used, through(n));
    std::string s =
        "  subgraph cluster_legend {\n    label=\"gradient by path\"; fontname=\"sans-serif\"; fontsize=10; color=\"#B0B0B0\";\n";
    for (int path : used)
      s += fmt::format("    path{} [label={}, shape=note, fillcolor=\"{}\"];\n", path, quoted(path ? paths_.name(path) : "rest"),
                       colour(path));
    return s + "  }\n";
  }

  const DrawOptions& options_;
  Node* root_;
  std::vector<Node*> nodes_;
  std::unordered_map<const Node*, size_t> number_;
  Paths paths_;
  std::vector<Labels> arriving_;
  std::vector<std::map<int, Labels>> ends_;  // by the labels on arrival
  std::unordered_map<uint64_t, double> gradient_;
  bool tagged_ = false;
};

}  // namespace

std::string to_dot(const Tensor& y, const DrawOptions& options) {
  if (!y.tracked()) return "digraph scoregrad {\n}\n";
  return Drawing(y, options).text();
}

}  // namespace scoregrad
