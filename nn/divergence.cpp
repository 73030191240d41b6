#include "nn/divergence.h"

#include <fmt/format.h>

#include "autograd/graph/gradient.h"
#include "autograd/ops/ops.h"
#include "autograd/tensor/misfit.h"

namespace scoregrad::nn {
namespace {

// The closed forms leave a matrix for each hidden layer but the last two: more layers would need one a sample.
bool is_plain(const MLP& f) { return (f.layers.size() == 2 || f.layers.size() == 3) && f.norms.empty() && f.films.empty() && !f.residual; }

// The activation and its derivative, element by element.
ValueAndCotangent activated(const MLP& f, const Tensor& z, Where at) {
  const auto activation = [&](const Tensor& t) { return f.activation(t); };
  return vjp(activation, z, ones_like(z), {.create_graph = mode.recording}, at);
}

}  // namespace

ValueAndDivergence divergence(const MLP& f, const Tensor& x, Where at) {
  const CallerScope scope(at);
  if (!is_plain(f)) return scoregrad::divergence([&](const Tensor& y) { return f(y, at); }, x, {.create_graph = mode.recording}, at);
  const Tensor &first = f.layers.front().weight, &last = f.layers.back().weight;
  if (x.rank() != 2 || x.extent(1) != first.extent(1) || x.extent(1) != last.extent(0))
    throw misfit(at, "divergence", fmt::format("an MLP from {} to {} numbers", first.extent(1), last.extent(0)), "[n, d] to [n, d]", x);
  const auto [h1, slope1] = activated(f, f.layers[0](x, at), at);
  if (f.layers.size() == 2) return {f.layers[1](h1, at), matmul(slope1, sum(first * transpose(last), {1}))};
  const auto [h2, slope2] = activated(f, f.layers[1](h1, at), at);
  const Tensor loop = f.layers[1].weight * transpose(matmul(first, last));  // once round: from the second hidden layer to itself
  return {f.layers[2](h2, at), sum(slope2 * matmul(slope1, transpose(loop)), {1})};
}

}  // namespace scoregrad::nn
