// A decomposition as a table whose columns a reader can add up: DSM = ESM - C2 + C3.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "losses/cell.h"

namespace scoregrad::losses {
namespace {

constexpr size_t columns_abreast = 5;
constexpr int label_width = 9, cell_width = 22;

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
    if (off(g.total.norm(), Gradient{g.total.error, {}}.norm(), sampled)) return true;
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
        out += fmt::format("{:>{}}", identity ? of_identity(text, d.sampled) : text, cell_width);
      }
      out.erase(out.find_last_not_of(' ') + 1);
    }
    out += "\n";
  }
  if (kinked) out += fmt::format("* {}\n", kink_note);
  return out;
}

}  // namespace scoregrad::losses
