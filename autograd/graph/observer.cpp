#include "autograd/graph/observer.h"

#include <fmt/format.h>

#include <cmath>

#include "autograd/graph/arithmetic.h"
#include "autograd/graph/node.h"

namespace scoregrad {
namespace {

// Where a tensor is not finite, as text; empty if it is finite everywhere. One pass on the device: 0 x is 0, or NaN where x is not finite.
std::string blemish(const Tensor& x) {
  if (!is_floating(x.dtype()) || x.numel() == 0) return {};
  const NoGrad plain;
  if (sum_to(mul(x, 0), {}).item() == 0) return {};
  const std::vector<double> values = x.to_vector<double>();
  size_t i = 0;
  while (std::isfinite(values[i])) ++i;
  Dims index = x.shape();
  int64_t rest = static_cast<int64_t>(i);
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    index[axis] = rest % x.shape()[axis];
    rest /= x.shape()[axis];
  }
  return fmt::format("{} at {} of {}", values[i], to_string(index), to_string(x.shape()));
}

}  // namespace

void Anomaly::computed(const char* op, Where at, const Tensor& y) {
  if (const std::string what = blemish(y); !what.empty()) throw Error(at, fmt::format("anomaly: {} computed {}", op, what));
}

void Anomaly::pulled(const Node& node, std::span<const Cotangent> operand_cotangents) {
  for (size_t i = 0; i < operand_cotangents.size(); ++i) {
    if (operand_cotangents[i].empty()) continue;
    if (const std::string what = blemish(operand_cotangents[i].total()); !what.empty())
      throw Error(node.at, fmt::format("anomaly: the gradient of {} with respect to its operand {} is {}", node.op(), i, what));
  }
}

}  // namespace scoregrad
