// Expectations of many numbers at once, each with its error: over samples with a standard error, over nested grids with an estimate of the
// integration error.
#pragma once
#include "losses/ledger.h"
#include "losses/population.h"

namespace scoregrad::losses {

/// What the sum over a block's rows is, as a list of tensors that is the same for every block.
using OfRows = std::function<Tensors(Rows rows, const Key& key)>;

struct Expectation {
  Numbers mean, error;
  int64_t samples = 0, blocks = 0;  ///< samples drawn or nodes summed
  bool converged = true;
  double integration = 0;  ///< the largest integration error, relative as in Ledger::relative
};

/// The mean over blocks of samples. The scatter of the blocks tells the standard error; with the same key the same samples are drawn.
Expectation over_samples(const Population& p, const OfRows& f, const DecomposeOptions& o, const Key& key, Where at);

/// The sum over the nodes of o.rule. The rule before it, whose nodes a trapezoidal rule shares, tells the error; the rule is refined until
/// the error is below o.tolerance or the next one would have more nodes than o.most_nodes. Throws Error if the first one has.
Expectation over_nodes(const Population& p, const OfRows& f, const Ledger& ledger, const DecomposeOptions& o, Where at);

}  // namespace scoregrad::losses
