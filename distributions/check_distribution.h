// Is a distribution what it says? What gradcheck is for an op: its functions asked about each other, and about sums that use only one of
// them.
#pragma once
#include <string>
#include <vector>

#include "distributions/distribution.h"

namespace scoregrad::distributions {

struct CheckOptions {
  int64_t samples = 1 << 19;  ///< of each Monte-Carlo comparison: errors of 1 % are told from chance
  double deviations = 5;      ///< what such a comparison may be off, in standard errors
  double tolerance = 0;       ///< relative, of differences; 0: 1e-5 in float64, 3e-2 in float32
  double alpha = 0.8;         ///< of the noise; its sigmas are `sigmas` times the root mean square deviation of the samples
  std::vector<double> sigmas = {0.5, 2};
  Key key = Key(1);
};

/// One comparison: `off` is within `allowed`, both relative to the size of what is compared.
struct Comparison {
  std::string what;
  double off = 0, allowed = 0;
  bool passed = true;
};
struct DistributionReport {
  bool passed = true;
  std::vector<Comparison> comparisons;
  std::vector<std::string> notes;  ///< what could not be asked, and parameters to which samples carry no gradient
  explicit operator bool() const { return passed; }
};
/// A line for each comparison and note.
std::string to_string(const DistributionReport& report);

/// Checks a distribution (no batch) at its present parameters: shapes, and that mapped() reaches every parameter; the noised score against
/// differences of the noised log-density, and against draws, E (s + eps / sigma) h(x_t) = 0 and E s x_t' = -I; both densities against
/// averages of Gaussian kernels over draws, and nodes() against the noised law; every function's derivatives in parameters, alpha and sigma
/// against differences. Takes seconds.
DistributionReport check_distribution(const AnyDistribution& p, const CheckOptions& options = {}, Where at = Where::here());

}  // namespace scoregrad::distributions
