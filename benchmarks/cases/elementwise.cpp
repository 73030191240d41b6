// Cases of elementwise ops: on 16 elements, where only the engine's overhead is left, and on millions, where memory and arithmetic are.
#include "benchmarks/cases/elementwise.h"

#include "autograd/graph/gradient.h"
#include "autograd/graph/mode.h"
#include "autograd/ops/random.h"
#include "benchmarks/cases/case.h"

namespace sg = scoregrad;

namespace bench {

sg::Tensor chain(const sg::Tensor& x) {
  const sg::Tensor u = sg::tanh(x * 0.7 + 0.3), v = sg::sigmoid(u * x + 0.5), w = sg::exp(v * u);
  return sg::tanh(w * 0.5 + x) * v;
}

namespace {

// given: a, b, x.
Problem sixteen(int64_t n, bool with_gradient,
                const std::function<sg::Tensor(const sg::Tensor&, const sg::Tensor&, const sg::Tensor&)>& f) {
  const sg::Key key(1);
  const sg::Tensor a = sg::normal({n}, key.fold("a")).requires_grad(), b = sg::normal({n}, key.fold("b")).requires_grad();
  const sg::Tensor x = sg::normal({n}, key.fold("x"));
  if (with_gradient) return {.given = {a, b, x}, .state = {}, .step = [=](const sg::Tensors&) { return sg::grad(f(a, b, x), {a, b}); }};
  return {.given = {a, b, x}, .state = {}, .step = [=](const sg::Tensors&) { return sg::Tensors{f(a, b, x)}; }};
}

sg::Tensor affine_tanh_sum(const sg::Tensor& a, const sg::Tensor& b, const sg::Tensor& x) { return sg::sum(sg::tanh(a * x + b)); }

// given: x.
sg::Tensor chain_input(int64_t n) { return sg::uniform({n}, sg::Key(2)) * 2 - 1; }

double count(int64_t n) { return static_cast<double>(n); }

}  // namespace

std::vector<Case> elementwise_cases() {
  const auto tanhs = [](int64_t n) { return Work{.functions = count(n)}; };
  return {
      {.name = "op_overhead",
       .notes = "sum(tanh(a x + b)) and its gradient in a and b",
       .unit = "elements",
       .size = 16,
       .make = [](int64_t n) { return sixteen(n, true, affine_tanh_sum); },
       .work = tanhs},
      {.name = "op_overhead_fwd_nograd",
       .notes = "its forward, nothing recorded",
       .unit = "elements",
       .size = 16,
       .make = [](int64_t n) { return sixteen(n, false, affine_tanh_sum); },
       .work = tanhs,
       .plain = true},
      {.name = "op_overhead_add",
       .notes = "one addition, nothing recorded",
       .unit = "elements",
       .size = 16,
       .make =
           [](int64_t n) { return sixteen(n, false, [](const sg::Tensor& a, const sg::Tensor& b, const sg::Tensor&) { return a + b; }); },
       .work = [](int64_t) { return Work{}; },
       .plain = true},
      {.name = "elementwise_chain_fwd",
       .notes = "12 ops, nothing recorded",
       .unit = "elements",
       .size = 1 << 22,
       .make =
           [](int64_t n) {
             const sg::Tensor x = chain_input(n);
             return Problem{.given = {x}, .state = {}, .step = [=](const sg::Tensors&) { return sg::Tensors{chain(x)}; }};
           },
       .work = [](int64_t n) { return Work{.bytes = 8 * count(n), .functions = 4 * count(n)}; },
       .plain = true},
      {.name = "elementwise_chain_fwdbwd",
       .notes = "12 ops and the gradient of their sum",
       .unit = "elements",
       .size = 1 << 22,
       .make =
           [](int64_t n) {
             const sg::Tensor x = sg::clone(chain_input(n)).requires_grad();
             return Problem{
                 .given = {x}, .state = {}, .step = [=](const sg::Tensors&) { return sg::Tensors{sg::grad(sg::sum(chain(x)), x)}; }};
           },
       .work = [](int64_t n) { return Work{.bytes = 8 * count(n), .functions = 4 * count(n)}; }},
  };
}

}  // namespace bench
