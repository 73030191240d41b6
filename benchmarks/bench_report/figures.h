// What the times are compared with: the figures asked for, and the floor that the machine sets.
#pragma once
#include <optional>

#include "benchmarks/bench_report/rows.h"

namespace bench {

/// The figure asked of one case: the ratio of scoregrad's median to libtorch's.
struct Asked {
  const char* name;                      ///< of scoregrad's row
  double must, stretch;                  ///< at one thread
  double must_all = 0, stretch_all = 0;  ///< at more threads, if others are asked for there
};
const std::vector<Asked>& asked();

/// How many times faster with all threads a compiled case is asked to be at a stretch; none must be slower than with one.
double wanted_speed_up(const std::string& name);

/// The name of the row of other libraries that a row is compared with: without "_eager".
std::string counterpart(const std::string& name);

struct Ratio {
  const Row *ours, *theirs;
  double value;
  double must, stretch;
  bool loaded;
  /// "stretch", "must" or "missed".
  const char* verdict() const { return value <= stretch ? "stretch" : value <= must ? "must" : "missed"; }
};
/// Nothing if one of the two rows was not measured.
std::optional<Ratio> ratio(const Measurements& m, const Asked& figure, int threads);

/// What the machine does in a microsecond at best; zero where it was not measured.
struct Rates {
  double bytes = 0, flops = 0, functions = 0, normals = 0, multiply_adds = 0;
};
/// The best of the rows of peer "limits" with so many threads.
Rates rates(const Measurements& m, int threads);

struct Floor {
  double us = 0;
  const char* bound = "";  ///< "memory", "products" or "functions": what takes most of it
};
/// max(bytes / bandwidth, flops / rate of products + functions / rate of exp + normals / their rate): arithmetic of all kinds shares the
/// same units, memory works beside them.
Floor floor_of(const Row& row, const Rates& rates);

}  // namespace bench
