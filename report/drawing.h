// Graphs, drawn by Graphviz.
#pragma once
#include "report/page.h"

namespace scoregrad::report {

/// A figure from a graph in the DOT language, on white ground because its boxes are filled; without `dot` the figure has its words and
/// numbers only.
Figure drawing(const std::string& dot, const std::string& caption, const std::string& alt, const Table& data = {});

/// An SVG document as part of a page: without prologue, black turned into the colour of the text.
std::string inlined(const std::string& svg);

}  // namespace scoregrad::report
