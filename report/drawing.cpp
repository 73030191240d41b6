#include "report/drawing.h"

#include <regex>

#include "report/program.h"

namespace scoregrad::report {

std::string inlined(const std::string& svg) {
  const size_t start = svg.find("<svg");
  if (start == std::string::npos) return {};
  static const std::regex black(R"re((stroke|fill|color)=["'](black|#000000|#000|rgb\( *0, *0, *0\))["'])re");
  return std::regex_replace(svg.substr(start), black, "$1=\"currentColor\"");
}

Figure drawing(const std::string& dot, const std::string& caption, const std::string& alt, const Table& data) {
  Figure figure{caption, alt, inlined(output_of({"dot", "-Tsvg"}, dot).value_or("")), data};
  if (!figure.svg.empty()) figure.svg.insert(4, " style=\"background: white; color: black\"");
  return figure;
}

}  // namespace scoregrad::report
