// How a case is timed: warm-up, batches of short calls so that a sample lasts 20 us or more (2 ms on a GPU, which is waited for once a
// sample), then medians and deciles over a time budget.
#pragma once
#include <functional>
#include <string>

namespace bench {

struct Options {
  std::string only;  ///< prefix of the case names to run
  int threads = 1;
  double seconds = 1;  ///< budget of one case
  std::string peer = "scoregrad", device = "cpu";
  std::function<void()> wait = [] {};  ///< returns when the device has done what it was given
};

/// Times f and prints one JSON line: {"peer", "case", "device", "threads", "median_us", "p10_us", "p90_us", "min_us", "samples",
/// "probe_us", "maxrss_mb", "notes"}.
void time_case(const Options& options, const std::string& name, const std::function<void()>& f, const std::string& notes = "");

}  // namespace bench
