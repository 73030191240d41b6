// Pictures of the plane, drawn by gnuplot: values as colours, arrows and points over each other, panels side by side.
#pragma once
#include "report/page.h"

namespace scoregrad::report {

/// One panel. Both axes have the same scale; what lies outside `from` .. `to` is left out.
struct Panel {
  struct Points {
    std::string name;
    std::vector<double> x, y;
  };
  struct Arrows {
    std::vector<double> x, y, dx, dy;  ///< in the axes' units
  };
  struct Colours {
    int64_t columns = 0, rows = 0;  ///< values[row * columns + column], cells that fill the panel, from below and from the left
    std::vector<double> values;
    std::string label = {};
    double low = 0, high = 0;  ///< values at the ends of the colours; those of the values if equal
  };
  std::string title;
  Colours colours = {};
  Arrows arrows = {};
  std::vector<Points> points = {};
};
struct PlaneChart {
  std::string caption, alt;
  double from = -1, to = 1;
  std::vector<Panel> panels;
};
/// The numbers beside it are about sixty of each layer.
Figure draw(const PlaneChart& chart);

}  // namespace scoregrad::report
