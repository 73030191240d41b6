#include "losses/line.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"

namespace scoregrad::losses {
namespace {

using namespace distributions;
using quadrature::Rule;

constexpr double deviations_in_panel = 3, changes_in_panel = 1.0 / 3;
constexpr size_t most_panels = 1024;

void check_count(size_t panels, Where at) {
  if (panels > most_panels)
    throw Error(at,
                "decompose: the components lie too many deviations apart, or their widths too far, for the integral between them that "
                "distillation's gradients in the weights want; draw `samples` instead");
}

Rule over(const std::vector<double>& ends) {
  const Rule one = quadrature::gauss_legendre(16);
  Rule out;
  for (size_t i = 0; i + 1 < ends.size(); ++i)
    for (size_t k = 0; k < one.nodes.size(); ++k) {
      out.nodes.push_back(ends[i] + (ends[i + 1] - ends[i]) * one.nodes[k]);
      out.weights.push_back((ends[i + 1] - ends[i]) * one.weights[k]);
    }
  return out;
}

}  // namespace

Rule line_rule(const Mixture& noised, Where at) {
  const NoGrad guard;
  const int64_t d = noised.dim();
  const Tensor factors = broadcast_to(noised.factors, {noised.means.extent(0), noised.count(), d, d});
  const Tensor first = broadcast_to(slice_axis(factors, 1, 0, 1), factors.shape()), change = factors - first;
  const Tensor way = unsqueeze(noised.means - slice_axis(noised.means, 1, 0, 1), -1);  // [j, k, d, 1]
  std::vector<double> ends{0};
  while (ends.back() < 1) {
    const Tensor here = first + ends.back() * change;
    const auto largest = [](const Tensor& x) { return std::sqrt(max(sum(square(x), {-2, -1})).item()); };
    const double deviations = largest(triangular_solve(here, way)), changes = largest(triangular_solve(here, change));
    const double panels = std::max({1.0, deviations / deviations_in_panel, changes / changes_in_panel});
    ends.push_back(std::min(1.0, ends.back() + 1 / panels));
    check_count(ends.size() - 1, at);
  }
  return over(ends);
}

Rule line_rule(double deviations, Where at) {
  const auto panels = static_cast<size_t>(std::clamp(std::ceil(deviations / deviations_in_panel), 1.0, most_panels + 1.0));
  check_count(panels, at);
  std::vector<double> ends{0};
  for (size_t i = 1; i <= panels; ++i) ends.push_back(static_cast<double>(i) / static_cast<double>(panels));
  return over(ends);
}

}  // namespace scoregrad::losses
