#include "autograd/graph/transform.h"

#include "autograd/tensor/create.h"

namespace scoregrad {

Application::Application(const Functions& f, const Tensors& points, const GradOptions& options, Where at)
    : line(at), create_graph(options.create_graph) {
  for (const Tensor& x : points) xs.push_back(create_graph && x.tracked() ? x : alias(x).requires_grad(at));
  y = f(xs);
}

Tensor Application::value() const {
  if (create_graph) return y;
  Tensor plain = y.detach();
  plain.body().why = Untracked::gradient;
  return plain;
}

Tensors Application::zeros() const {
  Tensors out;
  for (const Tensor& x : xs) out.push_back(zeros_like(x));
  return out;
}

void refuse_seed(const char* op, const GradOptions& options, Where at) {
  if (options.seed.defined()) throw Error(at, std::string(op) + ": takes no seed");
}

}  // namespace scoregrad
