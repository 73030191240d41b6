#include "autograd/graph/drawing.h"

#include <cstdlib>

#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "tests/catch.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;

namespace {

// Whether Graphviz, where it is installed, reads the text.
bool accepted(const std::string& dot) {
  const ScratchFile in("drawing.dot", dot), out("drawing.svg");
  if (std::system("command -v dot >/dev/null 2>&1") != 0) return true;
  return std::system(("dot -Tsvg -o " + out.path() + " " + in.path() + " 2>&1 | grep -q .").c_str()) != 0 &&
         contains(out.bytes(), "</svg>");
}

}  // namespace

TEST_CASE("a drawing has one node a step and one edge an operand") {
  const Tensor x = scalar(3).requires_grad().named("x");
  const std::string dot = to_dot(x * x);
  CHECK(contains(dot, "n1 [label=\"x = leaf\\n[]\", shape=ellipse];"));
  CHECK(contains(dot, "n2 [label=\"mul\\n[]\", penwidth=2.5];"));
  CHECK(contains(dot, "  n1 -> n2;\n  n1 -> n2;\n}\n"));
  CHECK(accepted(dot));
}

TEST_CASE("labels are escaped") {
  const Tensor x = scalar(3).requires_grad().named("a \"b\"\\n\n{|}<c>");
  const std::string dot = to_dot(-x);
  CHECK(contains(dot, "label=\"a \\\"b\\\"\\\\n\\n{|}<c> = leaf\\n[]\""));
  CHECK(accepted(dot));
}

TEST_CASE("gradient norms come from one sweep, values from an observer, and the graph is left as it was") {
  GradFlow flow;
  const Tensor x = from({3, 4}).requires_grad();
  const Tensor y = sum(square(x));
  const std::string dot = to_dot(y, {.gradients = true, .flow = &flow});
  CHECK(contains(dot, "leaf\\n[2]\\n[3, 4]\\n|gradient| 10"));
  CHECK(contains(dot, "square\\n[2]\\n[ 9, 16]\\n|gradient| 1.414"));
  CHECK(contains(dot, "sum axes=[0]\\n[]\\n25\\n|gradient| 1"));
  CHECK_FALSE(x.grad().defined());
  CHECK(accepted(dot));
}

TEST_CASE("edges have the colours of the tagged paths that the gradient takes") {
  const Tensor x = scalar(3).requires_grad();
  const Tensor a = exp(x).tag("a");
  const Tensor y = a * x.tag("b");
  const std::string dot = to_dot(y);  // 1 x, 2 exp, 3 tag a, 4 tag b, 5 mul; labels are met from the loss: b, then a
  CHECK(contains(dot, "n1 -> n4 [color=\"#E69F00\"];"));
  CHECK(contains(dot, "n2 -> n3 [color=\"#56B4E9\"];"));
  CHECK(contains(dot, "n1 -> n2 [color=\"#56B4E9\"];"));
  CHECK(contains(dot, "n3 -> n5 [color=\"#56B4E9\"];"));
  CHECK(contains(dot, "n5 [label=\"mul\\n[]\", penwidth=2.5, fillcolor=\"#E69F00:#56B4E9\", style=striped];"));
  CHECK(contains(dot, "fillcolor=\"#E69F00:#56B4E9\", style=wedged"));
  CHECK(contains(dot, "path1 [label=\"b\", shape=note, fillcolor=\"#E69F00\""));
  CHECK(contains(dot, "path2 [label=\"a\""));
  CHECK(accepted(dot));
}

TEST_CASE("the paths that are drawn are those of grad_by_path, nested ones too") {
  const Tensor x = scalar(3).requires_grad();
  const Tensor u = (x * 2).tag("inner");
  const Tensor y = (u * x).tag("outer") + u * u + x;
  const std::string dot = to_dot(y);
  const GradByPath g = grad_by_path(y, x);
  CHECK(g.by_path.size() == 4);
  CHECK(g.along("").item() == 1);
  CHECK(g.along("inner").item() == 24);
  CHECK(g.along("outer").item() == 6);
  CHECK(g.along("outer/inner").item() == 6);
  CHECK(g.total.item() == 37);
  for (const auto& [path, part] : g.by_path) CHECK(contains(dot, "[label=\"" + (path.empty() ? "rest" : path) + "\", shape=note"));
  CHECK(accepted(dot));
}

TEST_CASE("what has no history draws as an empty graph") { CHECK(accepted(to_dot(ones({2})))); }
