// Charts, drawn by gnuplot: lines over a number, bars over names. Colours are Okabe and Ito's, told apart by colour-blind readers and
// legible on light and dark ground; lines also differ in dash and mark.
#pragma once
#include <array>

#include "report/page.h"

namespace scoregrad::report {

/// Okabe and Ito's colours: blue, vermilion, green, orange, sky blue, purple. Series take them in this order.
constexpr std::array<const char*, 6> palette = {"#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"};

/// One line: y over x; `marks` are points of special interest on it (a minimum).
struct Line {
  std::string name;
  std::vector<double> x, y;
  std::vector<std::pair<double, double>> marks = {};
};
struct LineChart {
  std::string caption, alt, x_label, y_label;
  std::vector<Line> lines;
  bool log_x = false, log_y = false;
  double y_from = 0, y_to = 0;  ///< the range of y that is drawn; all of it if both are zero
};
Figure draw(const LineChart& chart);

/// Bars with parts stacked on each other, negative ones below zero: values[part][bar].
struct BarChart {
  std::string caption, alt, y_label;
  std::vector<std::string> bars, parts;
  std::vector<std::vector<double>> values;
};
Figure draw(const BarChart& chart);

}  // namespace scoregrad::report
