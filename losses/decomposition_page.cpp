// A decomposition as a page: the losses with their standard errors, and each gradient by path as stacked bars.
#include "losses/decomposition_page.h"

#include <fmt/format.h>

#include <algorithm>

namespace scoregrad::losses {
namespace {

double size(const Gradient& g, std::optional<int64_t> element) {
  if (!element) return g.is_number() ? g.mean[0].item() : g.norm();
  int64_t left = *element;
  for (const Tensor& t : g.mean) {
    if (left < t.numel()) return t.to_vector<double>()[static_cast<size_t>(left)];
    left -= t.numel();
  }
  throw Error(Where::here(), fmt::format("by_path: element {} of a gradient that has fewer", *element));
}

}  // namespace

report::BarChart by_path(const std::string& wanted, const std::vector<NamedTerm>& terms, std::optional<int64_t> element) {
  const bool norm = !element && !terms.at(0).term->gradient.at(wanted).total.is_number();
  report::BarChart chart{
      .caption = fmt::format("{} for {}, by the path that it takes", norm ? "The gradient's norm" : "The gradient", wanted),
      .alt = fmt::format("Stacked bars of the gradient for {} of each loss, one part a path.", wanted),
      .y_label = norm ? "|gradient|" : "gradient",
      .bars = {},
      .parts = {},
      .values = {}};
  for (const NamedTerm& each : terms) {
    chart.bars.push_back(each.name);
    for (const auto& [path, part] : each.term->gradient.at(wanted).by_path)
      if (std::find(chart.parts.begin(), chart.parts.end(), path) == chart.parts.end()) chart.parts.push_back(path);
  }
  for (std::string& part : chart.parts) {
    chart.values.emplace_back();
    for (const NamedTerm& each : terms) chart.values.back().push_back(size(each.term->gradient.at(wanted).along(part), element));
    if (part.empty()) part = "no path";
  }
  return chart;
}

void Decomposition::save(const std::string& path) const {
  report::Page page("DSM = ESM - C2 + C3");
  page.text(fmt::format("x_t = {:g} x + {:g} eps in {} dimensions; {}.", alpha, sigma, dim, how_found(*this)));
  report::Table table{.head = {"", "loss", sampled ? "standard error" : "integration error"}, .rows = {}};
  std::vector<NamedTerm> charted;
  for (const NamedTerm& each : named_terms(*this)) {
    table.rows.push_back({each.name, fmt::format("{:.6g}", each.term->value.mean), fmt::format("{:.1e}", each.term->value.error)});
    if (each.term == &dsm || each.term == &esm || each.term == &c2 || each.term == &ism) charted.push_back(each);
  }
  page.table(table);
  if (kinked()) page.text(kink_note);
  for (const auto& [name, gradient] : dsm.gradient) page.figure(draw(by_path(name, charted)));
  page.save(path);
}

}  // namespace scoregrad::losses
