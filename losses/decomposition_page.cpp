// A decomposition as a page: the losses with their standard errors, and each gradient by path as stacked bars.
#include <fmt/format.h>

#include <algorithm>

#include "losses/decomposition.h"
#include "report/chart.h"

namespace scoregrad::losses {
namespace {

struct Row {
  const char* name;
  const Term* term;
};

// A single number with its sign; of several their norm along each path, which does not add up to the norm of the total.
double size(const Gradient& g) { return g.mean.size() == 1 && g.mean[0].numel() == 1 ? g.mean[0].item() : g.norm(); }

report::Figure by_path(const std::string& name, const std::vector<Row>& rows) {
  const Gradient& first = rows.front().term->gradient.at(name).total;
  const bool number = first.mean.size() == 1 && first.mean[0].numel() == 1;
  report::BarChart chart{
      .caption = fmt::format("{} for {}, by the path that it takes", number ? "The gradient" : "The gradient's norm", name),
      .alt = fmt::format("Stacked bars of the gradient for {} of each loss, one part a path.", name),
      .y_label = number ? "gradient" : "|gradient|",
      .bars = {},
      .parts = {},
      .values = {}};
  for (const Row& row : rows) {
    chart.bars.push_back(row.name);
    for (const auto& [path, part] : row.term->gradient.at(name).by_path)
      if (std::find(chart.parts.begin(), chart.parts.end(), path) == chart.parts.end()) chart.parts.push_back(path);
  }
  for (std::string& part : chart.parts) {
    chart.values.emplace_back();
    for (const Row& row : rows) chart.values.back().push_back(size(row.term->gradient.at(name).along(part)));
    if (part.empty()) part = "no path";
  }
  return draw(chart);
}

}  // namespace

void Decomposition::save(const std::string& path) const {
  std::vector<Row> rows = {{"DSM", &dsm}, {"ESM", &esm}, {"C2", &c2}};
  if (has_ism) rows.insert(rows.begin() + 1, {"ISM", &ism});
  report::Page page("DSM = ESM - C2 + C3");
  page.text(
      fmt::format("x_t = {:g} x + {:g} eps in {} dimensions; {} {}.", alpha, sigma, dim, samples, exact ? "nodes, exact" : "samples"));
  report::Table table{.head = {"", "loss", "standard error"}, .rows = {}};
  const auto add = [&](const char* name, const Term& t) {
    table.rows.push_back({name, fmt::format("{:.6g}", t.value.mean), exact ? "exact" : fmt::format("{:.1e}", t.value.error)});
  };
  for (const Row& row : rows) add(row.name, *row.term);
  add("C3", c3);
  add("DSM - (ESM - C2 + C3)", residual);
  page.table(table);
  for (const auto& [name, gradient] : dsm.gradient) page.figure(by_path(name, rows));
  page.save(path);
}

}  // namespace scoregrad::losses
