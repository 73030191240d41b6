// The runs: each program in a process of its own for each case, the programs taking turns within a round.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "benchmarks/bench_report/rows.h"

namespace bench {

struct Plan {
  std::string programs;                              ///< the folder of this project's own
  std::vector<std::string> peer_folders;             ///< where other peers lie: executables peer_*
  std::string only;                                  ///< prefix of the cases
  std::vector<std::string> devices;                  ///< where scoregrad computes
  bool peers = false, sizes = true, patient = true;  ///< patient: what was taken under load is taken again, once
  int rounds = 3;
  double seconds = 0.3;
  int samples = 3;
};

/// The passes of compile() that can be left out.
extern const std::vector<std::string> passes;
/// Times the compiled cases with all passes and without each of those named, in turns; rows without one are of the peer "without PASS".
int leave_out(const Plan& plan, const std::vector<std::string>& named, const std::function<void(const Row&)>& take);

/// Runs what the plan asks for and gives each row to `take` as soon as it is there. Returns how many programs failed.
int carry_out(const Plan& plan, const std::function<void(const Row&)>& take);

}  // namespace bench
