// Other people's programs that draw for us: gnuplot and Graphviz. Both are optional when a report is written.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace scoregrad::report {

/// What a program on PATH prints when `input` is its standard input; nothing if it is not installed, fails or prints nothing.
std::optional<std::string> output_of(const std::vector<std::string>& command, const std::string& input);

}  // namespace scoregrad::report
