// A decomposition as a table whose columns a reader can add up: DSM = ESM - C2 + C3.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "losses/decomposition.h"

namespace scoregrad::losses {
namespace {

constexpr size_t columns_abreast = 5;
constexpr int label_width = 9, cell_width = 22;

// A sampled mean to the two digits that its standard error leaves it. An integrated one with its error where six digits show it; what is
// only rounding is shown as such, not digit by digit.
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

double norm(const Tensors& xs) { return Gradient{xs, {}}.norm(); }

// One number stands as it is; several by their norm, with the norm of their errors.
std::string cell(const Gradient& g, bool sampled) {
  return g.is_number() ? cell(g.mean[0].item(), g.error[0].item(), sampled) : cell(norm(g.mean), norm(g.error), sampled);
}

struct Column {
  std::string name;
  std::function<std::string(const Term&)> entry;
};

// The total of each group of parameters, followed by the paths that anything took.
std::vector<Column> columns_of(const std::vector<NamedTerm>& rows, bool sampled) {
  std::vector<Column> columns = {{"loss", [sampled](const Term& t) { return cell(t.value.mean, t.value.error, sampled); }}};
  for (const auto& [group, gradient] : rows[0].term->gradient) {
    const std::string name = group;
    columns.push_back({gradient.total.is_number() ? "d/d " + name : "|d/d " + name + "|",
                       [name, sampled](const Term& t) { return cell(t.gradient.at(name).total, sampled); }});
    std::set<std::string> paths;
    for (const NamedTerm& row : rows)
      for (const auto& [path, part] : row.term->gradient.at(name).by_path) paths.insert(path);
    if (paths == std::set<std::string>{""}) continue;
    for (const std::string& path : paths)
      columns.push_back({path.empty() ? "elsewhere" : path, [name, path, sampled](const Term& t) {
                           const auto& by_path = t.gradient.at(name).by_path;
                           const auto it = by_path.find(path);
                           return it == by_path.end() ? std::string() : cell(it->second, sampled);
                         }});
  }
  return columns;
}

// True if the second identity is off beyond its errors. Of many sampled numbers the norm is compared: some of them are always far off.
bool off(double mean, double error, bool sampled) { return std::abs(mean) > (sampled ? 5 : 4) * error; }

}  // namespace

const char* const kink_note =
    "ISM does not agree with ESM - C2: the score has kinks, where the divergence in ISM misses a part; or the integral has not been "
    "resolved.";

bool Decomposition::kinked() const {
  if (!has_ism) return false;
  if (off(by_parts.value.mean, by_parts.value.error, sampled)) return true;
  for (const auto& [name, g] : by_parts.gradient) {
    if (off(g.total.norm(), norm(g.total.error), sampled)) return true;
  }
  return false;
}

std::string how_found(const Decomposition& d) {
  if (d.sampled) return fmt::format("{} samples, mean +- standard error", d.samples);
  const std::string error = d.integration == 0 ? "to rounding" : fmt::format("{:.0e}", d.integration);
  return fmt::format("{}, {} nodes (integration {})", d.exact ? "exact" : "NOT CONVERGED", d.samples, error);
}

std::string to_string(const Decomposition& d) {
  const std::vector<NamedTerm> rows = named_terms(d);
  const std::vector<Column> columns = columns_of(rows, d.sampled);
  const bool kinked = d.kinked();

  std::string out =
      fmt::format("x_t = {:g} x + {:g} eps in {} dimension{}; {}\n", d.alpha, d.sigma, d.dim, d.dim == 1 ? "" : "s", how_found(d));
  for (size_t first = 0; first < columns.size(); first += columns_abreast) {
    const size_t last = std::min(columns.size(), first + columns_abreast);
    out += fmt::format("{:{}}", "", label_width);
    for (size_t i = first; i < last; ++i) out += fmt::format("{:>{}}", columns[i].name, cell_width);
    for (const NamedTerm& row : rows) {
      out += fmt::format("\n{:{}}", fmt::format("{} {}", kinked && row.term == &d.ism ? '*' : row.sign, row.name), label_width);
      const bool identity = row.term == &d.residual || row.term == &d.by_parts;
      for (size_t i = first; i < last; ++i) {
        const std::string text = columns[i].entry(*row.term);
        // An integrated identity that holds to the last bit does so by chance.
        out += fmt::format("{:>{}}", identity && !d.sampled && text == "0" ? "~0" : text, cell_width);
      }
      out.erase(out.find_last_not_of(' ') + 1);
    }
    out += "\n";
  }
  if (kinked) out += fmt::format("* {}\n", kink_note);
  return out;
}

}  // namespace scoregrad::losses
