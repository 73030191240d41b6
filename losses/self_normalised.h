// Ratio estimates of the score from candidates for x, in blocks: all candidates together, halves of them, or many small sets.
#pragma once
#include "losses/population.h"

namespace scoregrad::losses {

/// The candidates of some rows with their weights given x_t, computed once for however they are divided.
struct Weighted {
  Tensor logits;     // [n, k]
  Tensor x;          // [n, k, d] or [k, d]
  Tensor own_logit;  // [n, 1]
  Rows rows;
  int64_t count() const { return logits.extent(1); }
};
Weighted weighted(const Rows& rows, const Candidates& candidates);

/// s_N(x_t) from each run of `size` candidates in turn, as many as fit; with `own` the row's own x counts as one more of each.
/// [n, count / size, d]
Tensor scores(const Weighted& w, int64_t size, bool own);

}  // namespace scoregrad::losses
