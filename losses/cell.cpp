#include "losses/cell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace scoregrad::losses {

std::string cell(double mean, double error, bool sampled) {
  if (!sampled) {
    if (mean != 0 && std::abs(mean) < 1e-12 && error < 1e-9) return "~0";
    if (!(error > 5e-7 * std::abs(mean) && error > 1e-9)) return fmt::format("{:.6g}", mean);
    return fmt::format("{:.4g} ({:.0e})", mean, error);
  }
  if (error == 0) return mean != 0 && std::abs(mean) < 1e-12 ? "~0" : fmt::format("{:.6g}", mean);
  const int decimals = 1 - static_cast<int>(std::floor(std::log10(error)));
  if (!std::isfinite(error) || decimals > 6 || std::abs(mean) > 1e6) return fmt::format("{:.2e} +- {:.1e}", mean, error);
  return fmt::format("{:.{}f} +- {:.{}f}", mean, std::max(0, decimals), error, std::max(0, decimals));
}

std::string cell(const Gradient& g, bool sampled) {
  return g.is_number() ? cell(g.mean[0].item(), g.error[0].item(), sampled) : cell(g.norm(), Gradient{g.error, {}}.norm(), sampled);
}

}  // namespace scoregrad::losses
