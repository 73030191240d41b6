// Tags: identities that name the path which uses them. In a sweep by path they relabel what passes; in an ordinary one they do nothing.
#include "autograd/graph/observer.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

struct TagNode final : RuleNode {
  std::string name;
  TagNode(const Tensor& y, Where line, std::string label) : RuleNode(y, line, Primitive::tag), name(std::move(label)) {}
  std::string attributes() const override { return "\"" + name + "\""; }
  const std::string* label() const override { return &name; }

  void vjp(const Tensor& g, std::span<Tensor> out, std::span<const char>) const override { out[0] = g; }
  Tensor jvp(std::span<const Tensor> t) const override { return t[0]; }
  void pull(const Cotangent& g, std::span<Cotangent> out, std::span<const char>, Paths* paths) const override {
    for (int p = 0; p < g.size(); ++p) out[0].add(paths ? paths->below(g[p].path, name) : 0, g[p].value);
  }
  Cotangent push(std::span<const Cotangent> t, Paths* paths) const override {
    Cotangent out;
    for (int p = 0; p < t[0].size(); ++p) out.add(paths ? paths->above(t[0][p].path, name) : 0, t[0][p].value);
    return out;
  }
};

}  // namespace

Tensor Tensor::tag(const std::string& label, Where at) const {
  if (label.empty() || label.find('/') != std::string::npos)
    throw Error(at, "tag: a label must not be empty or contain '/': '" + label + "'");
  scoregrad::defined(*this, "tag", at);
  return record<TagNode>("tag", at, alias(*this), {this}, label);
}

}  // namespace scoregrad
