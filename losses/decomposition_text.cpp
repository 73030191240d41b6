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

// The mean to the two digits that the error leaves it; what is exact and only rounding is shown as such, not digit by digit.
std::string cell(double mean, double error) {
  if (error == 0) return mean != 0 && std::abs(mean) < 1e-12 ? "~0" : fmt::format("{:.6g}", mean);
  const int decimals = 1 - static_cast<int>(std::floor(std::log10(error)));
  if (!std::isfinite(error) || decimals > 6 || std::abs(mean) > 1e6) return fmt::format("{:.2e} +- {:.1e}", mean, error);
  return fmt::format("{:.{}f} +- {:.{}f}", mean, std::max(0, decimals), error, std::max(0, decimals));
}

bool is_number(const Gradient& g) { return g.mean.size() == 1 && g.mean[0].numel() == 1; }

double norm(const Tensors& xs) { return Gradient{xs, {}}.norm(); }

// One number stands as it is; several by their norm, with the norm of their errors.
std::string cell(const Gradient& g) { return is_number(g) ? cell(g.mean[0].item(), g.error[0].item()) : cell(norm(g.mean), norm(g.error)); }

struct Row {
  const char* name;
  const Term* term;
};
struct Column {
  std::string name;
  std::function<std::string(const Term&)> entry;
};

// The total of each group of parameters, followed by the paths that anything took.
std::vector<Column> columns_of(const std::vector<Row>& rows) {
  std::vector<Column> columns = {{"loss", [](const Term& t) { return cell(t.value.mean, t.value.error); }}};
  for (const auto& [group, gradient] : rows[0].term->gradient) {
    const std::string name = group;
    columns.push_back({is_number(gradient.total) ? "d/d " + name : "|d/d " + name + "|",
                       [name](const Term& t) { return cell(t.gradient.at(name).total); }});
    std::set<std::string> paths;
    for (const Row& row : rows)
      for (const auto& [path, part] : row.term->gradient.at(name).by_path) paths.insert(path);
    if (paths == std::set<std::string>{""}) continue;
    for (const std::string& path : paths)
      columns.push_back({path.empty() ? "elsewhere" : path, [name, path](const Term& t) {
                           const auto& by_path = t.gradient.at(name).by_path;
                           const auto it = by_path.find(path);
                           return it == by_path.end() ? std::string() : cell(it->second);
                         }});
  }
  return columns;
}

}  // namespace

std::string to_string(const Decomposition& d) {
  std::vector<Row> rows = {{"  DSM", &d.dsm}, {"= ESM", &d.esm}, {"- C2", &d.c2}, {"+ C3", &d.c3}, {"  rest", &d.residual}};
  if (d.has_ism) rows.push_back({"  ISM", &d.ism});
  const std::vector<Column> columns = columns_of(rows);

  std::string out =
      fmt::format("x_t = {:g} x + {:g} eps in {} dimension{}; {}\n", d.alpha, d.sigma, d.dim, d.dim == 1 ? "" : "s",
                  d.exact ? fmt::format("exact, {} nodes", d.samples) : fmt::format("{} samples, mean +- standard error", d.samples));
  for (size_t first = 0; first < columns.size(); first += columns_abreast) {
    const size_t last = std::min(columns.size(), first + columns_abreast);
    out += fmt::format("{:{}}", "", label_width);
    for (size_t i = first; i < last; ++i) out += fmt::format("{:>{}}", columns[i].name, cell_width);
    for (const Row& row : rows) {
      out += fmt::format("\n{:{}}", row.name, label_width);
      for (size_t i = first; i < last; ++i) out += fmt::format("{:>{}}", columns[i].entry(*row.term), cell_width);
      out.erase(out.find_last_not_of(' ') + 1);
    }
    out += "\n";
  }
  return out;
}

}  // namespace scoregrad::losses
