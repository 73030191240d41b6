// What a run found, as tables and charts: the same for the page, for Markdown and for the terminal.
#pragma once
#include "benchmarks/bench_report/rows.h"
#include "report/page.h"

namespace bench {

struct Section {
  std::string heading, text;
  scoregrad::report::Table table = {};
  std::vector<scoregrad::report::Figure> figures = {};
  bool brief = true;  ///< part of the Markdown, too
};

/// Ratios with the figures asked for, first; then floors, threads, memory, start-up, sizes, limits and all times.
std::vector<Section> sections(const Measurements& m);

/// What each pass of compile() gains: how much longer a case takes without it, in percent. Made of the rows of leave_out().
Section gains(const Measurements& m, const std::vector<std::string>& passes);

/// Microseconds with a unit: "1.86 us", "14.1 ms", "2.6 s".
std::string duration(double us);
/// The table in Markdown.
std::string markdown(const scoregrad::report::Table& table);

}  // namespace bench
