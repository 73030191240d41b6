#include "report/chart.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "report/drawing.h"
#include "report/program.h"

namespace scoregrad::report {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char ch : text) out += ch == '\'' ? std::string("''") : std::string(1, ch);
  return out + "'";
}
const char* colour(size_t i) { return palette[i % palette.size()]; }

std::string preamble(int width, const std::string& y_label) {
  return fmt::format(
      "set terminal svg noenhanced size {},380 font 'sans-serif,13'\n"
      "set encoding utf8\nset key outside right top noautotitle\nset border 3\nset tics nomirror\nset grid ytics lc rgb '#888888' lt 1 lw "
      "0.4\n"
      "set xzeroaxis lc rgb '#888888' lw 1\nset ylabel {}\n",
      width, quoted(y_label));
}

}  // namespace

Figure draw(const LineChart& chart) {
  std::string script = preamble(860, chart.y_label) + fmt::format("set xlabel {}\n", quoted(chart.x_label));
  if (chart.log_x) script += "set logscale x\n";
  if (chart.log_y) script += "set logscale y\nset format y '%g'\n";
  if (chart.y_from != chart.y_to) script += fmt::format("set yrange [{}:{}]\n", chart.y_from, chart.y_to);

  std::vector<std::string> plots;
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const Line& line = chart.lines[i];
    script += fmt::format("$line{} << EOD\n", i);
    for (size_t k = 0; k < line.x.size(); ++k)
      script += std::isfinite(line.y[k]) ? fmt::format("{:.8g} {:.8g}\n", line.x[k], line.y[k]) : "\n";
    script += "EOD\n";
    plots.push_back(fmt::format("$line{} using 1:2 with lines lw 2.2 dt {} lc rgb '{}' title {}", i, i + 1, colour(i), quoted(line.name)));
    if (line.marks.empty()) continue;
    script += fmt::format("$mark{} << EOD\n", i);
    for (const auto& [x, y] : line.marks) script += fmt::format("{:.8g} {:.8g}\n", x, y);
    script += "EOD\n";
    plots.push_back(fmt::format("$mark{} using 1:2 with points pt 7 ps 1 lc rgb '{}'", i, colour(i)));
  }
  script += fmt::format("plot {}\n", fmt::join(plots, ", "));

  // The numbers: lines over the same x share a table.
  Table data{.head = {chart.x_label}, .rows = {}};
  std::map<double, std::vector<std::string>> rows;
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    data.head.push_back(chart.lines[i].name);
    for (size_t k = 0; k < chart.lines[i].x.size(); ++k) {
      auto& row = rows[chart.lines[i].x[k]];
      row.resize(chart.lines.size());
      row[i] = fmt::format("{:.6g}", chart.lines[i].y[k]);
    }
  }
  // A curve has many points; its table shows about sixty of them.
  const size_t every = std::max<size_t>(1, rows.size() / 60);
  size_t k = 0;
  for (auto& [x, row] : rows)
    if (k++ % every == 0 || k == rows.size()) {
      row.insert(row.begin(), fmt::format("{:.6g}", x));
      data.rows.push_back(row);
    }
  return {chart.caption, chart.alt, inlined(output_of({"gnuplot"}, script).value_or("")), data};
}

Figure draw(const BarChart& chart) {
  std::string script = preamble(860, chart.y_label) + "set style fill solid 0.9 noborder\n";
  std::vector<std::string> tics, plots;
  for (size_t b = 0; b < chart.bars.size(); ++b) tics.push_back(fmt::format("{} {}", quoted(chart.bars[b]), b));
  script +=
      fmt::format("set xtics ({}) scale 0\nset xrange [-0.6:{}]\n", fmt::join(tics, ", "), static_cast<double>(chart.bars.size()) - 0.4);

  std::vector<double> above(chart.bars.size(), 0), below(chart.bars.size(), 0);
  for (size_t p = 0; p < chart.parts.size(); ++p) {
    script += fmt::format("$part{} << EOD\n", p);
    for (size_t b = 0; b < chart.bars.size(); ++b) {
      const double v = chart.values.at(p).at(b);
      double& end = v >= 0 ? above[b] : below[b];
      const double from = end;
      end += v;
      script += fmt::format("{} {} {} {} {} {}\n", b, from, static_cast<double>(b) - 0.3, static_cast<double>(b) + 0.3, std::min(from, end),
                            std::max(from, end));
    }
    script += "EOD\n";
    plots.push_back(fmt::format("$part{} using 1:2:3:4:5:6 with boxxyerror fc rgb '{}' title {}", p, colour(p), quoted(chart.parts[p])));
  }
  // The sum of the parts is a short line across the bar.
  script += "$total << EOD\n";
  for (size_t b = 0; b < chart.bars.size(); ++b) script += fmt::format("{} {} 0.36 0\n", b, above[b] + below[b]);
  script += "EOD\n";
  plots.push_back("$total using 1:2:3 with xerrorbars lw 2.5 pt 0 ps 0 lc rgb 'black' title 'total'");
  script += fmt::format("set bars 0\nplot {}\n", fmt::join(plots, ", "));

  Table data{.head = {""}, .rows = {}};
  for (const std::string& part : chart.parts) data.head.push_back(part);
  data.head.push_back("total");
  for (size_t b = 0; b < chart.bars.size(); ++b) {
    std::vector<std::string> row{chart.bars[b]};
    for (size_t p = 0; p < chart.parts.size(); ++p) row.push_back(fmt::format("{:.6g}", chart.values[p][b]));
    row.push_back(fmt::format("{:.6g}", above[b] + below[b]));
    data.rows.push_back(row);
  }
  return {chart.caption, chart.alt, inlined(output_of({"gnuplot"}, script).value_or("")), data};
}

}  // namespace scoregrad::report
