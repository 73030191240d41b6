#include "samplers/schedule.h"

#include <fmt/format.h>

namespace scoregrad::samplers {
namespace {

void check_ladder(const char* op, double first, double last, int count, Where at) {
  if (count < 2 || !(first > 0) || !(last > 0))
    throw Error(at, fmt::format("{}: {} levels from {} to {}; at least two positive levels are needed", op, count, first, last));
}

}  // namespace

Tensor Edm::levels(int64_t n, const Key& key, Options options, Where at) const {
  const CallerScope scope(at);
  return exp(log_mean + log_deviation * normal({n}, key, options));
}

std::vector<double> Edm::ladder(int count, Where at) const {
  check_ladder("Edm::ladder", sigma_max, sigma_min, count, at);
  const double high = std::pow(sigma_max, 1 / rho), low = std::pow(sigma_min, 1 / rho);
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(std::pow(high + i / (count - 1.0) * (low - high), rho));
  return out;
}

std::vector<double> geometric_ladder(double first, double last, int count, Where at) {
  check_ladder("geometric_ladder", first, last, count, at);
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(first * std::pow(last / first, i / (count - 1.0)));
  return out;
}

}  // namespace scoregrad::samplers
