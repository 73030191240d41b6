// Gradients: an op computes at once and, if something it reads is tracked, leaves one node; grad() walks the nodes back.
#include <fmt/format.h>

#include <cmath>

#include "scoregrad.h"
#include "scoregrad/fmt.h"
namespace sg = scoregrad;

int main() {
  fmt::print("-- a function, what it recorded, and its gradient\n");
  const sg::Tensor x = sg::from({1, 2}, {.dtype = sg::float64}).named("x").requires_grad();
  const sg::Tensor y = sg::sum(x * sg::sin(x)).named("y");
  fmt::print("{}\n", y);
  fmt::print("{}", sg::listing(y));
  const sg::Tensor g = sg::grad(y, x);
  fmt::print("dy/dx        {:.6f}\n", g);
  fmt::print("sin + x cos  {:.6f}\n", (sg::sin(x) + x * sg::cos(x)).detach());

  fmt::print("\n-- the same graph forwards: one sweep pushes a direction through\n");
  const sg::Tensor v = sg::from({1, 0}, {.dtype = sg::float64});
  fmt::print("dy/dx . v    {:.6f}\n", sg::pushforward(y, {x}, {v}));

  fmt::print("\n-- fitting a line by gradient descent\n");
  const sg::Key key(1);
  const sg::Tensor t = sg::linspace(-1, 1, 21);
  const sg::Tensor data = 3 * t - 1 + 0.1 * sg::normal({21}, key);
  const sg::Tensor slope = sg::scalar(0).named("slope").requires_grad();
  const sg::Tensor offset = sg::scalar(0).named("offset").requires_grad();
  for (int step = 0; step <= 60; ++step) {
    const sg::Tensor loss = sg::mean(sg::square(slope * t + offset - data));
    if (step % 20 == 0) fmt::print("step {:>2}: loss {:.4f}\n", step, loss);
    const sg::Tensors grads = sg::grad(loss, {slope, offset});
    const sg::NoGrad plain;  // an update is not part of what is differentiated
    sg::add_(slope, -0.5 * grads[0]);
    sg::add_(offset, -0.5 * grads[1]);
  }
  fmt::print("slope {:.2f}, offset {:.2f}\n", slope, offset);

  fmt::print("\n-- backward() accumulates into grad() of the leaves instead; an observer sees what passes\n");
  sg::GradFlow flow;
  const sg::Tensor h = sg::tanh(slope * t).named("h");
  sg::mean(sg::square(h - data)).backward();
  fmt::print("{}", to_string(flow));
  fmt::print("slope.grad() = {:.4f}\n", slope.grad());

  fmt::print("\n-- the first value that is not finite is named with its line\n");
  bool named = false;
  try {
    const sg::Anomaly anomaly;
    sg::log(slope - 1000);
  } catch (const sg::Error& e) {
    const std::string text = e.what();
    fmt::print("{} [line {}]\n", text.substr(0, text.find(" [at ")), e.where().line);
    named = true;
  }
  const double error = std::abs(g.to_vector<double>()[1] - (std::sin(2.0) + 2 * std::cos(2.0)));
  return error < 1e-12 && std::abs(slope.item() - 3) < 0.1 && named ? 0 : 1;
}
