#include "report/plane.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "report/chart.h"
#include "report/drawing.h"
#include "report/program.h"

namespace scoregrad::report {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char ch : text) out += ch == '\'' ? std::string("''") : std::string(1, ch);
  return out + "'";
}

// A row of the figure's numbers for about sixty of n things.
void list(Table& data, size_t n, const std::function<std::vector<std::string>(size_t)>& row) {
  const size_t every = std::max<size_t>(1, (n + 59) / 60);
  for (size_t i = 0; i < n; i += every) data.rows.push_back(row(i));
}
std::string text(double x) { return fmt::format("{:.5g}", x); }

struct Cells {
  double from, width, height;
  int64_t columns;
  double x(size_t i) const { return from + (static_cast<double>(static_cast<int64_t>(i) % columns) + 0.5) * width; }
  double y(size_t i) const { return from + (static_cast<double>(static_cast<int64_t>(i) / columns) + 0.5) * height; }
};

std::string script_of(const PlaneChart& chart, const Panel& p, Table& data) {
  const double span = chart.to - chart.from;
  std::string script =
      fmt::format("set title {}\nset xrange [{}:{}]\nset yrange [{}:{}]\n", quoted(p.title), chart.from, chart.to, chart.from, chart.to);
  std::vector<std::string> plots;
  if (!p.colours.values.empty()) {
    const Panel::Colours& c = p.colours;
    const Cells cells{chart.from, span / static_cast<double>(c.columns), span / static_cast<double>(c.rows), c.columns};
    script += fmt::format("set cblabel {}\n", quoted(c.label));
    script += c.low != c.high ? fmt::format("set cbrange [{}:{}]\n", c.low, c.high) : "set autoscale cb\n";
    script += "$colours << EOD\n";
    for (size_t i = 0; i < c.values.size(); ++i) script += fmt::format("{:.4g} {:.4g} {:.4g}\n", cells.x(i), cells.y(i), c.values[i]);
    script += "EOD\n";
    plots.push_back("$colours using 1:2:3 with image pixels");
    list(data, c.values.size(), [&](size_t i) {
      return std::vector<std::string>{p.title, c.label.empty() ? "value" : c.label, text(cells.x(i)), text(cells.y(i)), text(c.values[i]),
                                      ""};
    });
  }
  for (size_t k = 0; k < p.points.size(); ++k) {
    const Panel::Points& s = p.points[k];
    script += fmt::format("$points{} << EOD\n", k);
    for (size_t i = 0; i < s.x.size(); ++i)
      if (std::max(s.x[i], s.y[i]) <= chart.to && std::min(s.x[i], s.y[i]) >= chart.from)
        script += fmt::format("{:.4g} {:.4g}\n", s.x[i], s.y[i]);
    script += "EOD\n";
    plots.push_back(fmt::format("$points{} using 1:2 with points pt 7 ps 0.25 lc rgb '{}'{}", k, palette[k % palette.size()],
                                s.name.empty() ? "" : " title " + quoted(s.name)));
    list(data, s.x.size(), [&](size_t i) {
      return std::vector<std::string>{p.title, s.name.empty() ? "point" : s.name, text(s.x[i]), text(s.y[i]), "", ""};
    });
  }
  if (!p.arrows.x.empty()) {
    const Panel::Arrows& a = p.arrows;
    script += "$arrows << EOD\n";
    for (size_t i = 0; i < a.x.size(); ++i) script += fmt::format("{:.4g} {:.4g} {:.4g} {:.4g}\n", a.x[i], a.y[i], a.dx[i], a.dy[i]);
    script += "EOD\n";
    plots.push_back("$arrows using 1:2:3:4 with vectors filled head size graph 0.012,20 lw 0.8 lc rgb 'black'");
    list(data, a.x.size(),
         [&](size_t i) { return std::vector<std::string>{p.title, "arrow", text(a.x[i]), text(a.y[i]), text(a.dx[i]), text(a.dy[i])}; });
  }
  return plots.empty() ? script + "plot NaN\n" : script + fmt::format("plot {}\n", fmt::join(plots, ", "));
}

}  // namespace

Figure draw(const PlaneChart& chart) {
  const size_t n = std::max<size_t>(1, chart.panels.size());
  Table data{.head = {"panel", "what", "x", "y", "value or dx", "dy"}, .rows = {}};
  std::string script = fmt::format(
      "set terminal svg noenhanced size {},380 font 'sans-serif,13'\nset encoding utf8\nset size ratio -1\nset border 3\nset tics "
      "nomirror\n"
      "set key below noautotitle\nset palette defined (0 '#fffde7', 0.5 '#56b4e9', 1 '#0072b2')\nset multiplot layout 1,{}\n",
      400 * n, n);
  for (const Panel& p : chart.panels) script += script_of(chart, p, data);
  return {chart.caption, chart.alt, inlined(output_of({"gnuplot"}, script + "unset multiplot\n").value_or("")), data};
}

}  // namespace scoregrad::report
