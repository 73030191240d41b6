// How a case is timed: warm-up, batches of short calls so that a sample lasts 20 us or more (2 ms on a GPU, which is waited for once a
// sample), then medians and deciles over a time budget.
#pragma once
#include <functional>
#include <string>

#include "benchmarks/cases/work.h"

namespace bench {

struct Options {
  std::string only;   ///< prefix of the case names to run
  bool list = false;  ///< time_case prints names instead
  int threads = 1;
  double seconds = 1;  ///< budget of one case
  int samples = 5;     ///< at least, whatever the budget
  double scale = 1;    ///< of the size of each case
  std::string peer = "scoregrad", device = "cpu";
  std::string mode;                      ///< "compiled" or "eager" where only one is wanted
  std::function<void()> wait = [] {};    ///< returns when the device has done what it was given
  std::function<void()> settle = [] {};  ///< gives memory that is kept for reuse back to the system
};

/// A case as it is reported.
struct Timed {
  std::string name, notes, unit = "";
  double size = 0;
  Work work = {};
  double runs = 1;  ///< of the case in one call
  int first = 2;    ///< calls before the first sample
};

/// Reads --case, --threads, --seconds, --samples, --scale, --mode and --device; returns the exit status where the program is done (--help,
/// --list, wrong options), else -1. `list` is what --list prints.
int read_options(Options& options, int argc, char** argv, const std::string& about, const std::function<void()>& list);

/// True if time_case would time a case of that name.
bool asked(const Options& options, const std::string& name);
/// Times f and prints one JSON line: {"peer", "case", "device", "threads", "median_us", "p10_us", "p90_us", "min_us", "samples",
/// "probe_us", "maxrss_mb", "growth_mb", "unit", "size", "scale", "flops", "bytes", "functions", "normals", "notes"}. maxrss_mb is the
/// program's largest resident memory so far; growth_mb is how far the timed calls raise it above what it was before the first call.
void time_case(const Options& options, const Timed& timed, const std::function<void()>& f);
void time_case(const Options& options, const std::string& name, const std::function<void()>& f, const std::string& notes = "");

}  // namespace bench
