#include "losses/self_normalised.h"

namespace scoregrad::losses {

Weighted weighted(const Rows& rows, const Candidates& candidates) {
  const Tensor &xt = rows.xt, a = rows.level.alpha.like(xt), variance = square(rows.level.sigma.like(xt));
  Weighted w{.logits = {}, .x = candidates.x, .own_logit = {}, .rows = rows};
  const Tensor own = a * rows.x;
  if (candidates.x.rank() == 2) {
    // One matrix product; the squares are smallest about the candidates' mean, and what is left out is the same for all of a row.
    const Tensor p = a * candidates.x, origin = mean(p, {0}, true).detach(), y = xt - origin, q = p - origin, o = own - origin;
    w.logits = (matmul(y, transpose(q)) - 0.5 * sum(square(q), {-1})) / variance;
    w.own_logit = unsqueeze(dot(y, o) - 0.5 * sum(square(o), {-1}), 1) / variance;
  } else {
    w.logits = -0.5 * sum(square(unsqueeze(xt, 1) - a * candidates.x), {-1}) / variance;
    w.own_logit = -0.5 * sum(square(xt - own), {-1}, true) / variance;
  }
  if (candidates.log_weight.defined()) w.logits = w.logits + candidates.log_weight;
  if (candidates.own_log_weight.defined()) w.own_logit = w.own_logit + unsqueeze(candidates.own_log_weight, 1);
  return w;
}

Tensor scores(const Weighted& w, int64_t size, bool own) {
  const int64_t n = w.logits.extent(0), blocks = w.count() / size, used = blocks * size, d = w.x.extent(-1);
  Tensor logits = reshape(slice_axis(w.logits, 1, 0, used), {n, blocks, size});
  if (own) logits = concat({logits, broadcast_to(unsqueeze(w.own_logit, 1), {n, blocks, 1})}, 2);
  const Tensor r = softmax(logits, -1), others = own ? slice_axis(r, 2, 0, size) : r;
  Tensor x;  // E x [n, blocks, d]
  if (w.x.rank() == 2) {
    const Tensor points = reshape(slice_axis(w.x, 0, 0, used), {blocks, size, d});
    x = permute(matmul(permute(others, {1, 0, 2}), points), {1, 0, 2});
  } else {
    const Tensor points = reshape(slice_axis(w.x, 1, 0, used), {n, blocks, size, d});
    x = reshape(matmul(unsqueeze(others, 2), points), {n, blocks, d});
  }
  if (own) x = x + slice_axis(r, 2, size, size + 1) * unsqueeze(w.rows.x, 1);
  const Tensor a = w.rows.level.alpha.like(x), s = w.rows.level.sigma.like(x);
  return (a * x - unsqueeze(w.rows.xt, 1)) / square(s);
}

}  // namespace scoregrad::losses
