#include "autograd/graph/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "autograd/graph/order.h"

namespace scoregrad {
namespace {

std::vector<Node*> nodes_of(const Tensors& tensors) {
  std::vector<Node*> nodes;
  for (const Tensor& t : tensors)
    if (t.tracked()) nodes.push_back(t.node());
  return nodes;
}

std::string basename(Where at) {
  if (!at) return {};
  const std::string file = at.file;
  return fmt::format("{}:{}", file.substr(file.find_last_of('/') + 1), at.line);
}

}  // namespace

std::string listing(const Tensors& roots, const ListingOptions& options) {
  std::vector<Node*> all = nodes_of(roots);
  const std::vector<Node*> known_roots = nodes_of(options.known);
  const std::vector<Node*> known_nodes = reachable(known_roots);
  const std::unordered_set<const Node*> known(known_nodes.begin(), known_nodes.end());
  all.insert(all.end(), known_roots.begin(), known_roots.end());
  const std::vector<Node*> nodes = reachable(all);

  struct Line {
    size_t number;
    std::string step, type, where;
  };
  std::unordered_map<const Node*, size_t> numbers;
  std::vector<Line> lines;
  size_t step_width = 0, type_width = 0;
  for (const Node* n : nodes) {
    const size_t number = numbers.size() + 1;
    numbers[n] = number;
    if (known.count(n)) continue;
    std::string step;
    if (n->extras_if_any() && !n->extras_if_any()->name.empty()) step = n->extras_if_any()->name + " = ";
    step += n->op();
    const char* before = "(";
    for (const Ref<Node>& operand : n->operands()) {
      step += before + (operand ? std::to_string(numbers[operand.get()]) : "_");
      before = ", ";
    }
    if (!n->operands().empty()) step += ")";
    if (const std::string a = n->attributes(); !a.empty()) step += " " + a;
    const std::string type = fmt::format("{} {}", name_of(n->dtype), to_string(n->shape));
    step_width = std::max(step_width, step.size());
    type_width = std::max(type_width, type.size());
    lines.push_back({number, step, type, basename(n->at)});
  }
  if (lines.empty()) return "nothing was recorded\n";

  const size_t digits = std::to_string(numbers.size()).size();
  std::string text;
  for (const Line& l : lines) {
    text += fmt::format("{:>{}}  {:<{}}  {:<{}}  {}", l.number, digits, l.step, step_width, l.type, type_width, l.where);
    text.resize(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace scoregrad
