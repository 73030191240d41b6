// A training step, compiled: recorded below autograd, so that forward, gradient and optimiser arrive as one list, then fused and replayed.
#include <scoregrad.h>
#include <scoregrad/fmt.h>
namespace sg = scoregrad;

int main() {
  const sg::Key key(1);
  const sg::Tensor w = sg::full({3}, 0.5).requires_grad(), rate = sg::scalar(0.2);
  auto step = sg::compile([&](const sg::Tensor& x, const sg::Tensor& y) {
    const sg::Tensor loss = sg::mean(sg::square(sg::tanh(x * w) - y));
    const sg::Tensor g = sg::grad(loss, w);
    const sg::NoGrad plain;
    sg::copy_(w, w - rate * g);  // state is written in place: a replayed step finds it where it was
    sg::copy_(rate, rate * 0.9);
    return loss.detach();
  });
  const sg::Tensor x = sg::normal({4, 3}, key.fold("x")), y = sg::tanh(2 * x);
  for (int i = 1; i <= 6; ++i) fmt::print("step {}: loss {:.4f}\n", i, step(x, y).item());  // 1 eager, 2 and 3 recorded, then replayed

  fmt::print("\nrecorded\n{}", step.step().show(sg::Pass::recorded));
  fmt::print("\nfused\n{}", step.step().show(sg::Pass::fused));
}
