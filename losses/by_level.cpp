#include "losses/by_level.h"

#include <fmt/format.h>

#include <algorithm>

#include "losses/cell.h"
#include "report/chart.h"

namespace scoregrad::losses {
namespace {

struct Shown {
  const char* name;
  Term Decomposition::*term;
};
constexpr Shown with_gradient[] = {{"DSM", &Decomposition::dsm}, {"ESM", &Decomposition::esm}, {"C2", &Decomposition::c2}};

// Names and kinds are those of the first level: all come from one call.
report::Table table_of(const std::vector<Decomposition>& by_level) {
  report::Table table{.head = {"sigma"}, .rows = {}};
  for (const NamedTerm& each : named_terms(by_level[0])) table.head.push_back(each.name);
  for (const auto& [name, gradient] : by_level[0].dsm.gradient)
    for (const Shown& shown : with_gradient)
      table.head.push_back(shown.name + (gradient.total.is_number() ? " d/d " + name : " |d/d " + name + "|"));
  for (const Decomposition& d : by_level) {
    std::vector<std::string> row{fmt::format("{:g}", d.sigma)};
    for (const NamedTerm& each : named_terms(d)) {
      const std::string text = cell(each.term->value.mean, each.term->value.error, d.sampled);
      row.push_back(each.term == &d.residual || each.term == &d.by_parts ? of_identity(text, d.sampled) : text);
    }
    for (const auto& [name, _] : by_level[0].dsm.gradient)
      for (const Shown& shown : with_gradient) row.push_back(cell((d.*shown.term).gradient.at(name).total, d.sampled));
    table.rows.push_back(std::move(row));
  }
  return table;
}

report::LineChart chart_of(const std::vector<Decomposition>& by_level, const std::string& caption, const std::string& y_label) {
  report::LineChart chart{.caption = caption, .alt = "Curves over the noise level.", .x_label = "sigma", .y_label = y_label, .lines = {}};
  chart.log_x = std::all_of(by_level.begin(), by_level.end(), [](const Decomposition& d) { return d.sigma > 0; });
  return chart;
}
template <class Y>
report::Line line_of(const std::vector<Decomposition>& by_level, const std::string& name, const Y& y) {
  report::Line line{.name = name, .x = {}, .y = {}};
  for (const Decomposition& d : by_level) line.x.push_back(d.sigma), line.y.push_back(y(d));
  return line;
}

}  // namespace

std::string to_string(const std::vector<Decomposition>& by_level) {
  if (by_level.empty()) return {};
  const report::Table table = table_of(by_level);
  std::vector<size_t> width;
  for (size_t i = 0; i < table.head.size(); ++i) {
    width.push_back(table.head[i].size());
    for (const auto& row : table.rows) width[i] = std::max(width[i], row[i].size());
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& row) {
    for (size_t i = 0; i < row.size(); ++i) out += fmt::format("{:>{}}", row[i], width[i] + (i == 0 ? 0 : 2));
    out += '\n';
  };
  add(table.head);
  for (const auto& row : table.rows) add(row);
  return out;
}

void save(const std::vector<Decomposition>& by_level, const std::string& path, Where at) {
  if (by_level.empty()) throw Error(at, "save: there is no decomposition to write");
  report::Page page("DSM = ESM - C2 + C3, by noise level");
  const Decomposition& first = by_level[0];
  page.text(fmt::format("{} levels in {} dimensions; the first is {}.", by_level.size(), first.dim, how_found(first)));
  if (std::any_of(by_level.begin(), by_level.end(), [](const Decomposition& d) { return d.kinked(); })) page.text(kink_note);
  report::LineChart losses = chart_of(by_level, "The losses by noise level", "loss");
  for (const NamedTerm& each : named_terms(first))
    if (each.term != &first.residual && each.term != &first.by_parts)
      losses.lines.push_back(line_of(by_level, each.name, [&](const Decomposition& d) {
        for (const NamedTerm& own : named_terms(d))
          if (own.name == each.name) return own.term->value.mean;
        return 0.0;
      }));
  page.figure(draw(losses));
  for (const auto& [wanted, gradient] : first.dsm.gradient) {
    const std::string& name = wanted;  // clang 14 captures no structured binding
    const bool number = gradient.total.is_number();
    report::LineChart chart =
        chart_of(by_level, fmt::format("{} for {} by noise level", number ? "The gradient" : "The gradient's norm", name),
                 number ? "gradient" : "|gradient|");
    for (const Shown& shown : with_gradient)
      chart.lines.push_back(line_of(by_level, shown.name, [&](const Decomposition& d) {
        const Gradient& g = (d.*shown.term).gradient.at(name).total;
        return number ? g.mean[0].item() : g.norm();
      }));
    page.figure(draw(chart));
  }
  page.heading("The numbers");
  page.table(table_of(by_level));
  page.save(path);
}

}  // namespace scoregrad::losses
