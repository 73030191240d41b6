#include "autograd/graph/observer.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

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

// Whether x is NaN somewhere where g is 0.
bool zero_times_infinity(const Tensor& g, const Tensor& x) {
  if (!g.defined() || g.shape() != x.shape()) return false;
  const std::vector<double> arriving = g.to_vector<double>(), leaving = x.to_vector<double>();
  for (size_t i = 0; i < leaving.size(); ++i)
    if (arriving[i] == 0 && std::isnan(leaving[i])) return true;
  return false;
}
bool has_a_border(std::string_view op) {
  for (std::string_view name : {"sqrt", "rsqrt", "log", "log1p", "pow", "xlogy", "div", "reciprocal", "erfinv"})
    if (op == name) return true;
  return false;
}
constexpr const char* way_out = "give the op an operand inside its domain first, sqrt(where(x > 0, x, 1)), and choose among results then";

}  // namespace

void Anomaly::computed(const char* op, Where at, const Tensor& y) {
  if (const std::string what = blemish(y); !what.empty())
    throw Error(at, fmt::format("anomaly: {} computed {}{}", op, what,
                                what.find("nan") != std::string::npos && has_a_border(op)
                                    ? fmt::format("; if a where() drops it, its gradient stays nan: {}", way_out)
                                    : ""));
}

void Anomaly::pulled(const Node& node, std::span<const Cotangent> operand_cotangents) {
  for (size_t i = 0; i < operand_cotangents.size(); ++i) {
    if (operand_cotangents[i].empty()) continue;
    if (const std::string what = blemish(operand_cotangents[i].total()); !what.empty())
      throw Error(node.at, fmt::format("anomaly: the gradient of {} with respect to its operand {} is {}{}", node.op(), i, what,
                                       zero_times_infinity(arriving_, operand_cotangents[i].total())
                                           ? fmt::format(", from a gradient of 0, as where() gives to what it drops, times a slope that is "
                                                         "not finite: {}",
                                                         way_out)
                                           : ""));
  }
}

}  // namespace scoregrad
