#include "samplers/schedule.h"

#include <fmt/format.h>

namespace scoregrad::samplers {
namespace {

void check_ladder(const char* op, double first, double last, int count, Where at) {
  if (count < 2 || !(first > 0) || !(last > 0) || !std::isfinite(first) || !std::isfinite(last))
    throw Error(at, fmt::format("{}: {} levels from {} to {}; at least two positive levels are needed", op, count, first, last));
}

}  // namespace

void check_times(int64_t n, Where at) {
  if (n < 1) throw Error(at, fmt::format("stratified_times: {} times", n));
}

double VE::span() const {
  if (!(sigma_min > 0) || !(sigma_max > sigma_min) || !std::isfinite(sigma_max))
    throw Error({}, fmt::format("VE: sigma from {} to {}; wanted is 0 < sigma_min < sigma_max", sigma_min, sigma_max));
  return std::log(sigma_max / sigma_min);
}

void LinearBeta::check() const {
  if (!(beta_min >= 0) || !(beta_max >= 0) || !(beta_min + beta_max > 0) || !std::isfinite(beta_min + beta_max))
    throw Error({}, fmt::format("a schedule with beta from {} to {}; wanted are numbers of at least 0, not both 0", beta_min, beta_max));
}

Tensor Edm::levels(int64_t n, const Key& key, Options options, Where at) const {
  if (n < 1 || !std::isfinite(log_mean) || !(log_deviation >= 0) || !std::isfinite(log_deviation))
    throw Error(at, fmt::format("Edm::levels: {} levels with log sigma ~ N({}, {}^2)", n, log_mean, log_deviation));
  const CallerScope scope(at);
  return exp(log_mean + log_deviation * normal({n}, key, options));
}

std::vector<double> Edm::ladder(int count, Where at) const {
  check_ladder("Edm::ladder", sigma_max, sigma_min, count, at);
  if (!(sigma_min < sigma_max) || !(rho > 0) || !std::isfinite(rho))
    throw Error(at, fmt::format("Edm::ladder: sigma from {} down to {} with rho {}", sigma_max, sigma_min, rho));
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
