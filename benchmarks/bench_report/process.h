// Runs other programs and watches what else the machine does meanwhile.
#pragma once
#include <string>
#include <vector>

namespace bench {

struct Finished {
  int status = 0;      ///< of its exit; 128 + the signal's number if one ended it
  std::string output;  ///< what it wrote to standard output
  double seconds = 0, maxrss_mb = 0;
  double foreign_cores = 0;  ///< CPU time of all other programs over its time; 0 where the system does not tell
};
/// Runs a program with OMP_NUM_THREADS and OPENBLAS_NUM_THREADS set to `threads` and SCOREGRAD_WITHOUT to `without`, and waits for its end.
/// Throws Error if it cannot be started.
Finished run(const std::vector<std::string>& command, int threads, const std::string& without = "");

/// The CPU's name, as the system tells it.
std::string cpu_name();
/// How many CPUs this program may use.
int cpu_count();

}  // namespace bench
